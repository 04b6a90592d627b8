"""``retrust demo``: the whole story in the lab, told with the commands that a user would type.

The lab runs in a process of its own, and every command shown is the real one, run as it stands; nothing is
staged but the renewal itself. All of it lives in one temporary folder and ends with the demo.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from retrust.cli import output
from retrust.errors import TemporaryError
from retrust_flows.server import api_client, starting_server

READY_LIMIT = 60.0
BREAK_LIMIT = 60.0
SITE = "campus"


async def demo(yes: Annotated[bool, typer.Option("--yes", help="Do not ask; open the gate confirm.")] = False) -> int:
    """The whole story in the lab, end to end, on the embedded default."""
    with tempfile.TemporaryDirectory(prefix="retrust-demo-") as folder:
        return await _Story(Path(folder), yes).tell()


class _Story:
    def __init__(self, folder: Path, yes: bool) -> None:
        self._folder = folder
        self._lab = folder / "lab"
        self._yes = yes
        self._environment = os.environ | {
            "RETRUST_HOME": str(folder / "home"),
            "RETRUST_INVENTORY": str(self._lab / "retrust.yaml"),
        }

    async def tell(self) -> int:
        _chapter("A Prime pair and an ISE server start on loopback")
        async with starting_server(self._folder / "home") as server, self._running_lab():
            await self._breaks()
            await server
            self._environment |= {name: value for name, value in os.environ.items() if name.startswith("PREFECT_")}
            code = await self._heals()
            await _timeline()
        _chapter("The end" if code == 0 else "It did not end well")
        output.show(["Everything that was started is stopped. Your own first steps: retrust init"])
        return code

    async def _breaks(self) -> None:
        """Nothing of this needs Prefect's server, which starts meanwhile."""
        await self._retrust("check")
        _chapter("The secondary and the ISE server get new certificates; the pins are stale now")
        for node in ("secondary", "ise"):
            await self._retrust("lab", "renew", node, "--dir", str(self._lab), ok=(0,))
        await self._broken()
        _chapter("The failure stands in the logs of the primary")
        for log in ("hm-0-0.log", "ncs-0-0.log"):
            await self._retrust("event", "log", str(self._log(log)), "--site", SITE, ok=(0,))
        _chapter("The pins of both servers, and which of them are stale")
        await self._retrust("check", SITE)

    async def _heals(self) -> int:
        _chapter("Plan, gates, remediation and verification")
        options = ["--accept-unproven", *(["--yes"] if self._yes else [])]
        output.show(
            [
                "(--accept-unproven: nobody can look at the ISE server from inside, so its evidence stays "
                "below proven; the pair's is proven from both ends)"
            ]
        )
        code = await self._retrust("run", SITE, *options)
        if code == 0:
            _chapter("Run again: a healed site is left alone")
            code = await self._retrust("run", SITE, "--yes")
        return code

    def _log(self, name: str) -> Path:
        return next(self._lab.rglob(f"primary/{name}"))

    async def _broken(self) -> None:
        """Both failures have been written by the nodes themselves."""
        async with asyncio.timeout(BREAK_LIMIT):
            while not all(  # noqa: ASYNC110 - another process writes them
                b"Current certificate of the remote host" in self._log(name).read_bytes()
                for name in ("hm-0-0.log", "ncs-0-0.log")
            ):
                await asyncio.sleep(0.1)

    async def _retrust(self, *words: str, ok: tuple[int, ...] | None = None) -> int:
        """Show a command, and run it here, with this terminal as its own."""
        shown = shlex.join(("retrust", *words)).replace(str(self._folder), "…")
        output.show([output.paint(f"$ {shown}", "cyan")])
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "retrust", *words, env=self._environment)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        if ok is not None and code not in ok:
            raise TemporaryError(f"`retrust {words[0]}` ended with {code}", where="demo")
        return code

    @asynccontextmanager
    async def _running_lab(self) -> AsyncIterator[None]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "retrust",
            "lab",
            "up",
            "--dir",
            str(self._lab),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(READY_LIMIT):
                while not (self._lab / "retrust.yaml").exists():
                    if process.returncode is not None:
                        raise TemporaryError("the lab ended while starting", where="demo")
                    await asyncio.sleep(0.1)
            yield
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _timeline() -> None:
    """What Prefect recorded: every run with its tasks, in order."""
    _chapter("The runs, as Prefect's own timeline has them")
    async with api_client() as client:
        runs = (await client.post("/flow_runs/filter", json={"sort": "START_TIME_ASC"})).json()
        for run in runs:
            output.show([f"  {run['name']}  {run['state']['name']}"])
            tasks = (await client.post("/task_runs/filter", json={"flow_runs": {"id": {"any_": [run["id"]]}}})).json()
            for task in sorted(tasks, key=lambda t: t["start_time"] or ""):
                seconds = task["total_run_time"]
                output.show([f"    {task['name'].rsplit('-', 1)[0]:<16} {task['state']['name']:<10} {seconds:6.2f} s"])


def _chapter(title: str) -> None:
    output.show(["", output.paint(f"== {title}", "bold")])
