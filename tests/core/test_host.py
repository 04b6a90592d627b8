"""What a process gives to plugins: a narrow front of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retrust.errors import UsageError
from retrust.host import Host
from retrust.models import Pin

FRONT = {"inventory", "home", "secrets", "redactor", "gates", "log_signatures", "site", "target"}


def test_the_front_is_narrow() -> None:
    """Nothing of it opens a ledger, connects to a site, or runs a pass; who adds to it says so here."""
    assert {name for name in vars(Host) if not name.startswith("_")} == FRONT


async def test_a_plugin_finds_there_what_it_needs(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site by its name, its target, the gates, and secrets whose values are masked from then on."""
    host: Host = (await scene()).engine
    site = host.site("campus")
    assert site is host.inventory.sites["campus"]
    pin = Pin(holder="hub", key="alpha_1", subject="", line="")
    assert host.target(site).locate(site, pin).peer == "alpha"
    assert {"confirm", "standard"} <= set(host.gates)
    monkeypatch.setenv("A_SECRET", "hunter2-and-more")
    await host.secrets.get(host.inventory.secret("env:A_SECRET"))
    assert "hunter2" not in host.redactor.redact("it is hunter2-and-more")


async def test_a_site_that_is_not_there_is_said_with_those_that_are(scene: Any) -> None:
    """Wrong usage, and no KeyError of a plugin's."""
    host: Host = (await scene()).engine
    for name in ("campsu", "elsewhere"):
        with pytest.raises(UsageError, match=rf"the inventory has no site '{name}' \(.*campus"):
            host.site(name)


async def test_nothing_is_made_in_the_home_by_asking_where_it_is(scene: Any, tmp_path: Path) -> None:
    """A source that wants a folder makes its own."""
    host: Host = (await scene()).engine
    assert host.home == tmp_path / "home"
    assert not (host.home / "runs").exists()
