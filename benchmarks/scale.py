"""``make scale-test``: many sites broken at once, healed by one process, by many, by many that are killed at random.

PostgreSQL and Redis from the system's packages; two Prefect API servers and their services, three workers and
``retrust serve`` as processes on this machine, as ``deployments/`` starts them elsewhere. What is shown of each round:
every site healed, no delete sent twice for one renewal, no case lost, and a ledger whose chain verifies.

    RETRUST_SCALE_SITES=100   sites      RETRUST_SCALE_SEED=1   of the kills
    RETRUST_SCALE_LIMIT=1800  seconds that a round may take
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import sites as lab_sites
from benchmarks.__main__ import heading
from benchmarks.parts import (
    Part,
    answers,
    free_port,
    kept_running,
    prefect,
    prefect_on,
    quiet,
    redis_server,
    redis_settings,
    retrust,
    served,
    with_prefect_redis,
)
from benchmarks.report import Row, at_most, table

from retrust.audit import verify_chain
from retrust.ledger import Ledger
from retrust.testing.postgres import NoPostgres, ledger_section, server

SITES = int(os.environ.get("RETRUST_SCALE_SITES", "100"))
SEED = int(os.environ.get("RETRUST_SCALE_SEED", "1"))
LIMIT = float(os.environ.get("RETRUST_SCALE_LIMIT", "1800"))
GOAL = 3.0
WORKERS = 3
RUNS_AT_ONCE = 5
"""Runs at once of each worker, which is one process: together about as many as one service has passes."""
CALM, WILD = 5.0, 20.0
"""Seconds between two kills, at least and at most."""
ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("SCALE.md")
BOUND = """In each round every site healed, every delete was sent once, no case was lost and the chain verifies;
otherwise the command fails and this file is not written.

A worker awaits its runs in one process, as the service awaits its passes; all parts share the cores of this one
machine, which is what bounds them here.
"""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass
class Ground:
    """What all rounds stand on. ``environment`` is every process's of ours."""

    folder: Path
    sites: list[lab_sites.Site]
    ledger: Ledger
    environment: dict[str, str]
    postgres: object

    def inventory(self, name: str, **sections: object) -> dict[str, str]:
        path = self.folder / f"{name}.yaml"
        lab_sites.write_inventory(
            self.sites, self.folder, path, **sections, ledger=ledger_section(self.environment["LEDGER"], self.folder)
        )
        return self.environment | {"RETRUST_INVENTORY": str(path), "RETRUST_HOME": str(self.folder / "home")}


async def main() -> int:
    try:
        postgres = server()
    except NoPostgres as exc:
        say(f"scale: no PostgreSQL, so nothing is measured: {exc}")
        return 1
    with tempfile.TemporaryDirectory(prefix="retrust-scale-") as name:
        folder = Path(name)
        say(f"scale: {SITES} lab sites start")
        async with lab_sites.running(SITES, folder) as running:
            prefect_url, ledger_url = postgres.database(), postgres.database()
            async with await Ledger.open(ledger_url, folder / "home") as ledger:
                await lab_sites.verified(running, ledger)
                ground = Ground(
                    folder,
                    running,
                    ledger,
                    os.environ | quiet(folder) | prefect_on(prefect_url) | {"LEDGER": ledger_url},
                    postgres,
                )
                return await _rounds(ground)


async def _rounds(ground: Ground) -> int:
    one = await _one_process(ground)
    async with _scaled(ground) as parts:
        many = await _round(ground, f"{WORKERS} workers, {len(parts)} processes")
        kills: Counter[str] = Counter()
        wild = await _round(
            ground, f"the same, killed at random (seed {SEED})", chaos=lambda: _chaos(ground, parts, kills)
        )
        apis = sum(part.name.startswith("api-") for part in parts)
    rows = [
        Row(f"{SITES} sites healed by one in-process service", f"{one:.0f} s"),
        at_most(
            f"… by {WORKERS} workers, Prefect servers: {apis}, and the service",
            many,
            one,
            GOAL,
            peer_name="one in-process service",
        ),
        Row(
            f"… the same under kill -9 of {', '.join(f'{name} {n}×' for name, n in sorted(kills.items()))}",
            f"{wild:.0f} s",
            f"{one:.0f} s one in-process service",
            f"{wild / one:.2f} ×",
        ),
    ]
    say(table(rows))
    RESULTS.write_text("\n".join([heading("make scale-test"), BOUND, table(rows)]), encoding="utf-8")
    return 0


# -- rounds ----------------------------------------------------------------------------------------------


async def _round(ground: Ground, name: str, *, chaos: Callable[[], object] | None = None) -> float:
    """Break every site, wait until all are healed, and look at what was done; the seconds that healing took."""
    healed = {c.id for c in await ground.ledger.cases(states=["healed"], limit=10**6)}
    deletes = {site.name: site.deletes for site in ground.sites}
    await lab_sites.break_all(ground.sites)
    began = time.monotonic()
    killing = asyncio.create_task(chaos()) if chaos else None
    try:
        await _healed(ground, healed, began, name)
    finally:
        if killing is not None:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
    took = time.monotonic() - began
    await _look(ground, healed, deletes)
    say(
        f"scale: {name}: {SITES} sites healed in {took:.0f} s; every delete was sent once, every case kept, the chain "
        "verifies"
    )
    return took


async def _healed(ground: Ground, before: set[str], began: float, name: str) -> None:
    told = 0
    while True:
        try:
            done = {c.site for c in await ground.ledger.cases(states=["healed"], limit=10**6) if c.id not in before}
        except Exception:
            done = set()  # PostgreSQL may be the one that was killed
        if len(done) == SITES:
            return
        if time.monotonic() - began > LIMIT:
            raise SystemExit(await _stuck(ground, done, name))
        if len(done) >= told + max(1, SITES // 5):
            told = len(done)
            say(f"scale:   {told} of {SITES} after {time.monotonic() - began:.0f} s")
        await asyncio.sleep(0.5)


async def _stuck(ground: Ground, done: set[str], name: str) -> str:
    left = [site.name for site in ground.sites if site.name not in done]
    cases = [f"{c.site} {c.state} {c.note}" for site in left[:5] for c in await ground.ledger.cases(site=site, limit=1)]
    return f"scale: {name}: {len(left)} sites are not healed within {LIMIT:.0f} s: {'; '.join(cases)}"


async def _look(ground: Ground, before: set[str], deletes: dict[str, int]) -> None:
    wrong = [site.name for site in ground.sites if site.deletes != deletes[site.name] + 1]
    if wrong:
        raise SystemExit(f"scale: a delete was not sent exactly once at {', '.join(wrong)}")
    new = [c.site for c in await ground.ledger.cases(states=["healed"], limit=10**6) if c.id not in before]
    if set(new) != {site.name for site in ground.sites}:  # a line that came late may have made a second, healthy one
        raise SystemExit("scale: a case was lost")
    report = await verify_chain(ground.ledger)
    if not report.ok:
        raise SystemExit(f"scale: the chain does not verify: {report}")


async def _one_process(ground: Ground) -> float:
    """``retrust serve`` alone on PostgreSQL: the measure for the others."""
    async with served("one", ground.folder, ground.inventory("one"), prefect_apart=True):
        return await _round(ground, "one in-process service on PostgreSQL")


# -- the scaled deployment -------------------------------------------------------------------------------


@asynccontextmanager
async def _scaled(ground: Ground) -> AsyncIterator[list[Part]]:
    folder, environment = ground.folder, ground.inventory("scaled", prefect={"work_pool": "retrust"})
    async with AsyncExitStack() as stack:
        extra = await asyncio.to_thread(with_prefect_redis, folder)
        if extra is not None:
            port = free_port()
            await stack.enter_async_context(kept_running([redis_server(folder, port)]))
            environment |= redis_settings(port) | {
                "PYTHONPATH": os.pathsep.join(filter(None, [extra, os.environ.get("PYTHONPATH")]))
            }
        await _done(folder, environment, "server", "database", "upgrade", "--yes")  # two servers would do it at once
        ports = [free_port() for _ in range(2 if extra else 1)]
        apis = [
            prefect(
                f"api-{n}",
                folder,
                environment,
                "server",
                "start",
                *(["--no-services"] if extra else []),
                "--port",
                str(port),
            )
            for n, port in enumerate(ports, start=1)
        ]
        services = [prefect("services", folder, environment, "server", "services", "start")] if extra else []
        urls = [f"http://127.0.0.1:{port}/api" for port in ports]
        for url, api in zip(urls, apis, strict=True):  # one after the other: each registers Prefect's own blocks
            await stack.enter_async_context(kept_running([api]))
            await answers(f"{url}/health", api)
        await stack.enter_async_context(kept_running(services))
        await _deployed(folder, environment | {"PREFECT_API_URL": urls[0]})
        workers = [
            retrust(
                f"worker-{n}",
                folder,
                environment | {"PREFECT_API_URL": urls[n % len(urls)], "PREFECT_WORKER_QUERY_SECONDS": "1"},
                "worker",
                "--limit",
                str(RUNS_AT_ONCE),
            )
            for n in range(WORKERS)
        ]
        door = free_port()
        serve = retrust("serve", folder, environment | {"PREFECT_API_URL": urls[0]}, "serve", "--port", str(door))
        await stack.enter_async_context(kept_running([*workers, serve]))
        await answers(f"http://127.0.0.1:{door}/readyz", serve)
        yield [*apis, *services, *workers, serve]


async def _deployed(folder: Path, environment: dict[str, str]) -> None:
    """The pool and the shipped deployments; the sweep waits, so that what starts a run is the service."""
    await _done(folder, environment, "work-pool", "create", "retrust", "--type", "retrust")
    await _done(folder, environment, "deploy", "--all", "--prefect-file", str(ROOT / "deployments" / "prefect.yaml"))
    await _done(folder, environment, "deployment", "schedule", "clear", "sweep/sweep", "--accept-yes")


async def _done(folder: Path, environment: dict[str, str], *words: str) -> None:
    part = prefect("prefect", folder, environment, *words)
    part.start()
    assert part.process is not None
    if await asyncio.to_thread(part.process.wait) != 0:
        raise SystemExit(f"scale: prefect {' '.join(words)} failed: {part.said[-2000:]}")


async def _chaos(ground: Ground, parts: list[Part], kills: Counter[str]) -> None:
    """Kill one of them, or PostgreSQL, again and again; what ends is started again by who keeps it."""
    chance = random.Random(SEED)
    while True:
        await asyncio.sleep(chance.uniform(CALM, WILD))
        victim = chance.choice([*parts, None])
        if victim is None:
            outage = asyncio.create_task(_outage(ground, chance.uniform(0.5, 3.0)))
            try:
                await asyncio.shield(outage)
            finally:
                await outage  # a round that is over does not leave its database down
        else:
            say(f"scale:   kill -9 {victim.name}")
            await asyncio.to_thread(victim.kill)
        kills["PostgreSQL" if victim is None else victim.name] += 1


async def _outage(ground: Ground, seconds: float) -> None:
    say("scale:   kill -9 postgresql")
    ground.postgres.stop(signal.SIGQUIT)  # type: ignore[attr-defined]
    await asyncio.sleep(seconds)
    await asyncio.to_thread(ground.postgres.start)  # type: ignore[attr-defined]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that every process and folder goes as well
    raise SystemExit(asyncio.run(main()))
