"""The operator's guide is executed: its tested commands work, in the order in which it gives them."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from retrust.audit import verify_chain
from retrust.ledger import Ledger
from retrust.testing.ledgers import noticed
from retrust.testing.postgres import requires_postgres
from retrust_plugins.lab import Lab, LabSettings

EXPECTED = {"check": {0, 3}, "plan": {3}}
"""A look at a broken site says that a person is needed; whatever is not named here ends with 0."""


Guide = Callable[[str], list[str]]


@pytest.mark.browser
@pytest.mark.prefect
async def test_the_guides_commands_work(prefect_api: str, tmp_path: Path, guide: Guide) -> None:
    """A newcomer who types the guide's commands heals the lab's site."""
    async with Lab(LabSettings(ise=())) as lab:
        (tmp_path / "retrust.yaml").write_text(lab.inventory())
        environment = (
            os.environ | lab.environment() | {"RETRUST_HOME": str(tmp_path / "home"), "PREFECT_API_URL": prefect_api}
        )
        await lab.secondary.renew()
        await lab.until(lambda: lab.primary.ha.mode == "HA Not Configured", "the pair notices")
        (tmp_path / "hm-0-0.log").write_text(lab.primary.log_text("hm"))
        commands = [line for block in guide("tested") for line in block.splitlines()]
        assert len(commands) >= 7
        for command in commands:
            words = shlex.split(command)
            assert words[0] == "retrust"
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *words,
                cwd=tmp_path,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await process.communicate()
            assert process.returncode in EXPECTED.get(words[1], {0}), f"{command}\n{said.decode()}"
        assert lab.primary.ha.mode == "Primary Active"
    await restores_what_was_saved(tmp_path, environment, guide)


async def restores_what_was_saved(folder: Path, environment: dict[str, str], guide: Guide) -> None:
    """What came after the backup is gone after the restore, and the older chain verifies."""
    (folder / "backup").mkdir()
    environment = environment | {
        "BACKUP": str(folder / "backup"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    if shutil.which("sqlite3") is None:
        pytest.skip("the guide's backup needs the command sqlite3")
    await run(guide("backup"), folder, environment)
    async with await Ledger.open(None, folder / "home") as ledger:
        saved = await ledger.head()
        await ledger.append(noticed(), actor="a test")
    await run(guide("restore"), folder, environment)
    async with await Ledger.open(None, folder / "home") as ledger:
        assert await ledger.head() == saved
        assert await ledger.cases()
    assert list((folder / "home/runs").iterdir())


async def run(blocks: list[str], folder: Path, environment: dict[str, str]) -> None:
    [script] = blocks
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-eu",
        "-c",
        script,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_a_ledger_on_postgresql_is_saved_and_restored(tmp_path: Path, guide: Guide) -> None:
    """The guide's two commands bring back the chain as it was, which goes on from there."""
    server = requires_postgres()
    url = server.database()
    environment = os.environ | {
        "BACKUP": str(tmp_path),
        "LEDGER_URL": url,
        "PATH": f"{server.binaries}:{os.environ['PATH']}",
    }
    async with await Ledger.open(url, tmp_path / "home") as ledger:
        saved = await ledger.append(noticed(), actor="a test")
        await run(guide("backup: postgresql"), tmp_path, environment)
        await ledger.append(noticed(), actor="a test")
    (tmp_path / "home/ledger.anchors").unlink()
    await run(guide("restore: postgresql"), tmp_path, environment)
    async with await Ledger.open(url, tmp_path / "home") as ledger:
        assert (await ledger.head()).seq == saved.seq
        await ledger.append(noticed(), actor="a test")
        assert (await verify_chain(ledger)).ok
