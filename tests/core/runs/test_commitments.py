"""Commitments bind a secret's value and show nothing of it."""

from __future__ import annotations

import stat
from typing import Any

import pytest

from retrust.errors import PermanentError
from retrust.runs.commitments import FILE, commitments


async def test_a_value_is_bound_and_not_shown(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same value commits to the same text, another one to another; the value is not in it."""
    site = await scene()
    monkeypatch.setenv("HA_KEY", "Hunter2")
    first = await commitments(site.engine, ["env:HA_KEY"])
    assert await commitments(site.engine, ["env:HA_KEY", "env:HA_KEY"]) == first
    monkeypatch.setenv("HA_KEY", "Hunter3")
    assert await commitments(site.engine, ["env:HA_KEY"]) != first
    assert "Hunter" not in str(first)


async def test_two_references_to_one_value_differ(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees in the ledger that two secrets are the same."""
    site = await scene()
    monkeypatch.setenv("A", "same")
    monkeypatch.setenv("B", "same")
    found = await commitments(site.engine, ["env:A", "env:B"])
    assert found["env:A"] != found["env:B"]


async def test_the_key_is_its_owners_alone(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is made once, readable by its owner only; without a secret there is none."""
    site = await scene()
    assert await commitments(site.engine, []) == {}
    assert not (site.engine.home / FILE).exists()
    monkeypatch.setenv("A", "x")
    await commitments(site.engine, ["env:A"])
    assert stat.S_IMODE((site.engine.home / FILE).stat().st_mode) == 0o600


async def test_all_missing_secrets_are_named(scene: Any) -> None:
    """A secret that cannot be read is found before any write, and so is the second one."""
    site = await scene()
    with pytest.raises(PermanentError, match=r"GONE_1.*GONE_2"):
        await commitments(site.engine, ["env:GONE_1", "env:GONE_2"])
