"""A service that follows a file is killed at each point between a line and its count: each line counts once."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from retrust.audit import verify_chain
from retrust.ledger import Ledger

FOLLOW = """
import asyncio, os, signal, sys
from pathlib import Path
from types import SimpleNamespace

from retrust.engine.loader import load_plugins
from retrust.ledger import Ledger
from retrust.ledger.writing import Writing
from retrust_flows.service.intake import Intake
from retrust_flows.service.supervision import Supplied
from retrust_plugins.files import following
from retrust_plugins.files.source import FileSettings, LogFiles

following.BLOCK = 4096  # so that a file is many deliveries
home, log, point, until = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
name, _, left = point.partition(" ")
calls = {"left": int(left or 0)}


def kill_at(where, owner, method, *, after):
    real = getattr(owner, method)

    async def counted(*args, **more):
        calls["left"] -= 1
        found = await real(*args, **more) if after or calls["left"] else None
        if not calls["left"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    if where == name:
        setattr(owner, method, counted)


kill_at("before-the-transaction", Ledger, "sight_many", after=False)
kill_at("after-an-entry", Writing, "append", after=True)
kill_at("before-the-signature", Writing, "seal", after=False)
kill_at("before-the-commit", Writing, "seal", after=True)
kill_at("after-the-commit", Ledger, "sight_many", after=True)
kill_at("after-the-delivery", Supplied, "deliver", after=True)


async def count(ledger):
    return sum(s.count for s in await ledger.sightings("campus"))


async def main():
    host = SimpleNamespace(log_signatures=tuple(load_plugins().log_signatures.values()))
    async with await Ledger.open(None, home) as ledger:
        intake, kind = Intake(ledger, repeats=0.3), LogFiles()
        settings = FileSettings(paths=(log,), site="campus", poll=0.05, backlog=True)
        source = Supplied("file[0]", kind, settings, host, ledger, ledger, intake)
        running = asyncio.create_task(kind.run(settings, source))
        while await count(ledger) < until and not running.done():
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await intake.close()


asyncio.run(main())
"""
POINTS = ("before-the-transaction", "after-an-entry", "before-the-signature", "before-the-commit", "after-the-commit")
KILLS = [f"{point} {call}" for point in POINTS for call in (1, 2)] + [f"after-the-delivery {call}" for call in (1, 4)]
NAMES = itertools.cycle(["prime-sec", "prime-pri", "ise-1"])
LINE = (
    "[system] [HealthMonitorThread] TOFU failed. Check local trust Trust-on-first-use is configure for this "
    "connection. Current certificate of the remote host is different from what was used earlier - "
    "CN={name}, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US \n"
)


def follow(folder: Path, point: str, until: int) -> int:
    """The service's part that follows the log, in a process of its own; how it ended."""
    arguments = [sys.executable, "-c", FOLLOW, str(folder / "home"), str(folder / "hm-0-0.log"), point, str(until)]
    return subprocess.run(arguments, check=False, timeout=120).returncode


async def test_a_kill_between_delivery_and_position_counts_each_line_once(tmp_path: Path) -> None:
    """Wherever it is killed, the next one goes on: nothing is counted twice, nothing is lost, the chain verifies."""
    log, written = tmp_path / "hm-0-0.log", Counter[str]()
    for kill in KILLS:
        names = [next(NAMES) for _ in range(200)]
        with log.open("a") as appended:
            appended.writelines(LINE.format(name=name) for name in names)
        written.update(names)
        assert follow(tmp_path, kill, written.total()) == -signal.SIGKILL, kill
    assert follow(tmp_path, "", written.total()) == 0
    async with await Ledger.open(None, tmp_path / "home") as ledger:
        seen = {str(s.dn).partition(",")[0].removeprefix("CN="): s.count for s in await ledger.sightings("campus")}
        assert seen == written
        assert (await verify_chain(ledger)).ok


async def test_a_clean_stop_counts_each_line_once(tmp_path: Path) -> None:
    """What was told while another event was pending is not told again after a restart."""
    log = tmp_path / "hm-0-0.log"
    for part in range(1, 4):
        with log.open("a") as appended:
            appended.writelines(LINE.format(name="prime-sec") for _ in range(200))
        assert follow(tmp_path, "", 200 * (part - 1) + 100) == 0
    assert follow(tmp_path, "", 600) == 0
    async with await Ledger.open(None, tmp_path / "home") as ledger:
        assert [s.count for s in await ledger.sightings("campus")] == [600]
