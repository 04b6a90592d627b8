"""`retrust lab up`, `renew` and `log`: a lab in one process, commands from another."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
from pathlib import Path

import pytest

from retrust.errors import UsageError
from retrust_plugins.lab import LabSettings
from retrust_plugins.lab.control import ControlServer, ask, is_running

LIMIT = 30


async def _retrust(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "retrust",
        *arguments,
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    return process.returncode or 0, out.decode(), err.decode()


async def test_up_renew_log_and_ctrl_c(tmp_path):
    """A lab that runs in the foreground is told from outside to renew, shows its logs, and ends cleanly."""
    up = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "retrust",
        "lab",
        "up",
        "--dir",
        "twin",
        "--renew",
        "secondary",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert up.stdout is not None
    try:
        said = await asyncio.wait_for(up.stdout.readuntil(b"Ctrl-C ends the lab.\n"), LIMIT)
        assert "twin/retrust.yaml" in said.decode()
        status, fingerprint, _ = await _retrust("lab", "renew", "ise", "--dir", "twin", cwd=tmp_path)
        assert (status, fingerprint[:7]) == (0, "SHA256:")
        status, log, _ = await _retrust("lab", "log", "primary", "--dir", "twin", cwd=tmp_path)
        assert status == 0
        assert "State changed: Primary Active" in log
    finally:
        up.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(up.communicate(), LIMIT)
    assert (up.returncode, err) == (0, b"")
    assert b"The lab is gone" in out
    assert not (tmp_path / "twin" / "control.json").exists()


@pytest.fixture
async def folder(start, tmp_path):
    """The folder of a lab that takes commands."""
    lab = await start(LabSettings(web=False))
    async with ControlServer(lab, tmp_path):
        yield tmp_path


async def test_the_door_is_private(folder):
    """Only its owner reads the token, and without the token nothing is done."""
    door = folder / "control.json"
    assert stat.S_IMODE(door.stat().st_mode) == 0o600
    door.write_text(json.dumps(json.loads(door.read_text()) | {"token": "guessed"}))
    with pytest.raises(UsageError, match="wrong token"):
        await ask(folder, "renew", "secondary")


@pytest.mark.parametrize(
    ("verb", "node", "more", "says"),
    [
        ("renew", "tertiary", {}, "no node 'tertiary' in the lab, only primary, secondary, ise"),
        ("log", "ise", {"log": "hm"}, "only Prime servers keep logs"),
        ("log", "primary", {"log": "cat"}, "only hm and ncs"),
    ],
)
async def test_wrong_calls(folder, verb, node, more, says):
    """What is not there is said, with what is."""
    with pytest.raises(UsageError, match=says):
        await ask(folder, verb, node, **more)


async def test_nothing_runs_here(tmp_path):
    """A folder without a lab, or with one that ended, is a clear error."""
    assert not await is_running(tmp_path)
    (tmp_path / "control.json").write_text('{"port": 1, "token": "old"}')
    with pytest.raises(UsageError, match="no lab runs here"):
        await ask(tmp_path, "renew", "primary")
