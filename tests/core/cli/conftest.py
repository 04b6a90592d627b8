"""A folder to type commands in, with a small site; and a terminal at which people have keys and tokens."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.scenes import a_world
from kit.terminal import SITE, Terminal, made_key
from retrust.cli import output

ONE = {
    "delete-pin": [{"gate": "people", "approvers": 1, "roles": ["network"]}],
    "interrupting": [{"gate": "people", "approvers": 1, "roles": ["network"]}],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an inventory of one OpenSSH site, whose holder is a file; no ledger yet."""
    (tmp_path / "retrust.yaml").write_text(SITE)
    (tmp_path / "known_hosts").touch()
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RETRUST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(output, "verbosity", 0)
    monkeypatch.setattr(output, "answered", False)
    return tmp_path


@pytest.fixture
async def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Terminal]:
    """People at a site whose gate asks for one of them; another policy is the fixture's parameter."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("OpenSSH is not installed")
    keys = {name: made_key(tmp_path / name) for name in ("ann", "ben", "stranger")}
    people = {
        "ann": {"roles": ["network", "security"], "ssh_keys": keys["ann"]},
        "ben": {"roles": ["network", "security"], "ssh_keys": [keys["ben"]]},
        "cy": {"roles": ["admin"]},
    }
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    policy = getattr(request, "param", ONE)
    async with a_world(tmp_path, monkeypatch, people=people, policy=policy) as (engine, ledger):
        yield Terminal(tmp_path, engine, ledger)
