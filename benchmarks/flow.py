"""The flow's own overhead: a pass in-process on Prefect's server, beside what it does for the site.

Twice: against the pass without Prefect (the time that a run spends outside of ``retrust.runs.passes``, which opens and
closes connections and lease, lists, plans, waits for devices and acts), and against a bare asyncssh script that sends
the very commands that the lab received. Lab, flow and script share this process, and no browser is in it: the steps
that need pages are an operator's, who has nothing to do because the pair heals by itself once the stale pin is gone.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import yaml
from benchmarks import labs
from benchmarks.report import Row, beside, table, under

from retrust_plugins.lab import Lab, LabSettings
from retrust_plugins.lab.settings import HaSettings, IseServersSettings

ROUNDS = 5
GOAL = 0.5
APART = 2.0
"""Seconds between two runs: SQLite makes Prefect's client wait for locks where runs follow each other at once."""
SITE = "campus"


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="retrust-bench-") as folder, _environment(Path(folder)):
        return asyncio.run(measure(Path(folder)))


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """The process's environment is the engine's input; it is put back at the end."""
    before = dict(os.environ)
    os.environ.update(RETRUST_HOME=str(folder / "home"), RETRUST_INVENTORY=str(folder / "retrust.yaml"))
    os.environ.pop("PREFECT_API_URL", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def measure(folder: Path) -> list[Row]:
    settings = LabSettings(
        web=False,
        health_interval=0.05,
        ise_servers=IseServersSettings(interval=labs.QUIET),
        ha=HaSettings(loss_mode="Primary Lost Secondary", loss_recovers=True),
    )
    async with Lab(settings) as lab:
        often = {"healed": 100 * ROUNDS, "days": 1}  # or the breaker of recurring breaks would ask a person
        inventory = {"settings": {"recurrence": often}, "sites": {SITE: labs.site(lab, folder, "auto")}}
        (folder / "retrust.yaml").write_text(yaml.safe_dump(inventory))
        return await _runs(lab, folder)


async def _runs(lab: Lab, folder: Path) -> list[Row]:
    from retrust.approval.decisions import Attendance
    from retrust.engine.engine import Engine
    from retrust.runs.reaching import look
    from retrust_flows.running import Runner
    from retrust_flows.server import prefect_server

    engine = Engine.start()
    async with await engine.open_ledger() as ledger, prefect_server(engine.home):
        runner = Runner(engine, ledger, "person:bench")
        inside = _Inside()
        attendance = Attendance("person:bench", yes=True, accept_unproven=True)
        await _vouch(engine, ledger, look)
        await runner.one_pass(SITE)  # the first run registers the flow
        healthy, healed, bare = [], [], []
        for _ in range(ROUNDS):
            await asyncio.sleep(APART)
            sent = _sent(lab)
            healthy.append(await inside.timed(runner.one_pass(SITE), "healthy"))
            bare.append(await _seconds(_replay(lab, sent)))
            await lab.secondary.renew()
            await lab.until(lambda: lab.primary.ha.mode == "Primary Lost Secondary", "the pair notices")
            await asyncio.sleep(APART)
            healed.append(await inside.timed(runner.one_pass(SITE, attendance), "healed"))
    return _rows(healthy, healed, bare)


def _rows(healthy: list[tuple[float, float]], healed: list[tuple[float, float]], bare: list[float]) -> list[Row]:
    def median(taken: Any) -> float:
        return statistics.median(taken)

    whole, script = median(w for w, _ in healthy), median(bare)
    return [
        under("the flow's own overhead, a healthy site (3 tasks)", median(w - i for w, i in healthy), GOAL),
        under("the flow's own overhead, a healing run (8 tasks)", median(w - i for w, i in healed), GOAL),
        under("a healthy pass with looks, evidence, ledger and Prefect, beyond the bare script", whole - script, GOAL),
        beside("a healthy pass, in-process, server up", whole, script, peer_name="asyncssh, same commands"),
    ]


async def _vouch(engine: Any, ledger: Any, look: Callable[..., Awaitable[Any]]) -> None:
    """What a first check does, with ISE vouched for as well: every pin has its baseline."""
    from retrust.trust.baselines import verified_baselines

    snapshot = await look(engine, engine.site(SITE), ledger, pages=False)
    edges = [f.pin.edge for f in snapshot.findings if f.endpoint is not None]
    await ledger.set_baselines(verified_baselines(snapshot, edges, snapshot.observed_at), actor="person:bench")


class _Inside:
    """Counts the time that passes inside a pass's own parts, which is not the flow's."""

    def __init__(self) -> None:
        self._spent = 0.0
        remediate = importlib.import_module("retrust_flows.remediate")
        as_tasks = remediate._as_tasks

        def counting(lent: Any) -> Callable[..., Awaitable[Any]]:
            part = as_tasks(lent)
            return lambda name, work: part(name, self._counted(work))

        remediate._as_tasks = counting  # type: ignore[attr-defined]

    def _counted(self, work: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        async def counted() -> Any:
            began = time.perf_counter()
            try:
                return await work()
            finally:
                self._spent += time.perf_counter() - began

        return counted

    async def timed(self, one_pass: Awaitable[Any], outcome: str) -> tuple[float, float]:
        """Seconds of the run, and those of them that were the pass's own."""
        self._spent = 0.0
        began = time.perf_counter()
        ended = await one_pass
        took = time.perf_counter() - began
        if ended.outcome != outcome:
            raise SystemExit(f"the run ended {ended.outcome}: {ended.error or ended.gates}")
        return took, self._spent


async def _seconds(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def _sent(lab: Lab) -> dict[str, int]:
    return {prime.name: len(prime.commands) for prime in lab.primes}


async def _replay(lab: Lab, since: dict[str, int]) -> None:
    """What came in since then, sent again by asyncssh alone; host keys are verified."""

    async def type_all(prime: Any, commands: list[str]) -> None:
        prompt = f"{prime.settings.hostname}/{prime.username}# "
        known = f"[{prime.host}]:{prime.ssh.port} {prime.ssh.keys[0].export_public_key().decode()}"
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(
                asyncssh.connect(
                    prime.host,
                    prime.ssh.port,
                    username=prime.username,
                    password=prime.password,
                    config=None,
                    known_hosts=asyncssh.import_known_hosts(known),
                    client_keys=None,
                    agent_path=None,
                )
            )
            shell = await stack.enter_async_context(connection.create_process(term_type="vt100", term_size=(511, 1000)))
            await shell.stdout.readuntil(prompt)
            for command in commands:
                shell.stdin.write(f"{command}\n")
                await shell.stdout.readuntil(prompt)

    await asyncio.gather(
        *(type_all(prime, [c.line for c in prime.commands[since[prime.name] :]]) for prime in lab.primes)
    )


if __name__ == "__main__":
    sys.stdout.write(table(run()))
