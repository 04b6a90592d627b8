"""`retrust login`: the commands of a case work against a running service, with a token that is kept privately."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kit.scenes import waiting_case
from retrust.cli.app import build
from retrust.testing.serving import serving


async def typed(world: Any, *words: str, **environment: str) -> tuple[int, str]:
    app = build(world.engine.plugins, words)
    done = await asyncio.to_thread(CliRunner().invoke, app, list(words), env=environment)
    return done.exit_code, " ".join(done.output.split())


def mode(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("RETRUST_INVENTORY", str(tmp_path / "there is none.yaml"))
    monkeypatch.delenv("RETRUST_TOKEN", raising=False)
    return tmp_path / "config" / "retrust" / "login"


async def test_commands_work_there_until_logout(world: Any, config: Path) -> None:
    """No inventory is needed; the file is the user's alone; after logout the ledger here is asked again."""
    case = await waiting_case(world.ledger)
    async with serving(world.app) as url:
        code, said = await typed(world, "login", url, RETRUST_TOKEN=await world.token("ann"))
        assert (code, f"you are ann at {url}" in said) == (0, True), said
        assert mode(config) == 0o600
        code, said = await typed(world, "cases")
        assert (code, case.id in said, f"at {url}" in said) == (0, True, True)
        code, said = await typed(world, "approve", case.id, "--reason", "seen")
        assert (code, "yes by person:ann" in said) == (0, True), said
        assert (await typed(world, "logout"))[0] == 0
        code, said = await typed(world, "cases")
        assert (code, "there is no inventory" in said) == (2, True)


async def test_a_wrong_token_is_not_kept(world: Any, config: Path) -> None:
    """The service is asked who it is before anything is written."""
    async with serving(world.app) as url:
        code, said = await typed(world, "login", url, RETRUST_TOKEN="rt_wrong_token")
    assert (code, mode(config)) == (3, None), said
