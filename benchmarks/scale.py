"""``make scale-test``: many sites broken at once, healed by one process, by many, by many that are killed at random;
and a thousand sites due at once, of which two hundred are broken.

PostgreSQL and Redis from the system's packages; two Prefect API servers and their services, three workers and
``retrust serve`` as processes on this machine, as ``deployments/`` starts them elsewhere. What is shown of each round:
every site healed, no delete sent twice for one renewal, no case lost, and a ledger whose chain verifies.

    RETRUST_SCALE_SITES=100   sites      RETRUST_SCALE_SEED=1   of the kills
    RETRUST_SCALE_DUE=1000    sites that are due at once; twice RETRUST_SCALE_SITES of them are broken
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
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
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
from benchmarks.report import Row, at_most, table, under

from retrust.audit import verify_chain
from retrust.ledger import Ledger
from retrust.testing.postgres import NoPostgres, ledger_section, server

SITES = int(os.environ.get("RETRUST_SCALE_SITES", "100"))
SEED = int(os.environ.get("RETRUST_SCALE_SEED", "1"))
LIMIT = float(os.environ.get("RETRUST_SCALE_LIMIT", "1800"))
DUE = int(os.environ.get("RETRUST_SCALE_DUE", "1000"))
GOAL, GOAL_KILLED, GOAL_CPU = 1.5, 4.0, 1.0
"""Times one in-process service, without and with kills; seconds of CPU for a run on a worker."""
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
    async with _scaled(ground) as (parts, url):
        before = await _runs_and_cpu(parts, url)
        many = await _round(ground, f"{WORKERS} workers, {len(parts)} processes")
        runs, cpu = (after - then for after, then in zip(await _runs_and_cpu(parts, url), before, strict=True))
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
        under(f"CPU time of a run on a worker, {runs:.0f} runs", cpu / runs, GOAL_CPU),
        at_most(
            f"… the same under kill -9 of {', '.join(f'{name} {n}×' for name, n in sorted(kills.items()))}",
            wild,
            one,
            GOAL_KILLED,
            peer_name="one in-process service",
        ),
        *await _all_due(ground),
    ]
    say(table(rows))
    text = "\n".join([heading("make scale-test"), BOUND, table(rows), _reckoned(cpu / runs)])
    RESULTS.write_text(text, encoding="utf-8")
    return 0


async def _runs_and_cpu(parts: list[Part], url: str) -> tuple[float, float]:
    """How many flow runs Prefect knows, and the seconds of CPU that the workers took since they started."""
    async with httpx.AsyncClient(trust_env=False) as client:
        runs = (await client.post(f"{url}/flow_runs/count", json={})).raise_for_status().json()
    return runs, sum(part.cpu for part in parts if part.name.startswith("worker-"))


def _reckoned(cpu: float) -> str:
    """What ten machines like this one need for a hundred times the sites, from the figures above."""
    cores, machines, sites = os.cpu_count() or 1, 10, 10_000
    minutes = sites * cpu / (machines * cores) / 60
    share = sites * cpu / 3600 / (machines * cores)
    return f"""## {sites:,} sites on {machines} machines

Reckoned from the figures above, not measured. A run costs a worker {cpu:.2f} s of CPU, and a worker is one process:
a machine with {cores} cores runs {cores} of them. If all {sites:,} sites are due at the same moment, {machines} such
machines need at least {minutes:.0f} minutes for their runs, if PostgreSQL and Prefect's servers have machines of their
own; here they share the cores. A nightly look at every site, spread over an hour, is {sites / 3600:.1f} runs in a
second, {share:.0%} of the workers' cores. A worker's memory follows its runs at once (`--limit`), not the sites; that
of `retrust serve` follows the sites of the inventory and the cases that are open.
"""


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
        if done >= {site.name for site in ground.sites}:
            return
        if time.monotonic() - began > LIMIT:
            raise SystemExit(await _stuck(ground, done, name))
        if len(done) >= told + max(1, len(ground.sites) // 5):
            told = len(done)
            say(f"scale:   {told} of {len(ground.sites)} after {time.monotonic() - began:.0f} s")
        await asyncio.sleep(0.5)


async def _stuck(ground: Ground, done: set[str], name: str) -> str:
    left = [site.name for site in ground.sites if site.name not in done]
    cases = [f"{c.site} {c.state} {c.note}" for site in left[:5] for c in await ground.ledger.cases(site=site, limit=1)]
    return f"scale: {name}: {len(left)} sites are not healed within {LIMIT:.0f} s: {'; '.join(cases)}"


async def _look(ground: Ground, before: set[str], deletes: dict[str, int], due: Sequence[lab_sites.Site] = ()) -> None:
    """One delete at each site that was broken, a case of each that was due, and a whole chain."""
    wrong = [site.name for site in ground.sites if site.deletes != deletes[site.name] + 1]
    if wrong:
        raise SystemExit(f"scale: a delete was not sent exactly once at {', '.join(wrong)}")
    new = [c.site for c in await ground.ledger.cases(states=["healed"], limit=10**6) if c.id not in before]
    if set(new) != {
        site.name for site in due or ground.sites
    }:  # a line that came late may have made a second, healthy one
        raise SystemExit("scale: a case was lost")
    report = await verify_chain(ground.ledger)
    if not report.ok:
        raise SystemExit(f"scale: the chain does not verify: {report}")


async def _one_process(ground: Ground) -> float:
    """``retrust serve`` alone on PostgreSQL: the measure for the others."""
    async with served("one", ground.folder, ground.inventory("one"), prefect_apart=True):
        return await _round(ground, "one in-process service on PostgreSQL")


async def _all_due(ground: Ground) -> list[Row]:
    """A thousand sites are seen at once: some broken, the others share a few healthy pairs and have nothing to do."""
    broken = 2 * SITES
    folder = ground.folder / "due"
    folder.mkdir()
    async with lab_sites.running(broken - SITES, folder) as more, lab_sites.running(10, folder / "shared") as shared:
        sick = [*ground.sites, *(replace(site, name=f"more-{site.name}") for site in more)]
        well = [replace(shared[n % len(shared)], name=f"well-{n:04}") for n in range(DUE - broken)]
        everything = replace(ground, sites=[*sick, *well])
        await lab_sites.verified([*sick[SITES:], *well], ground.ledger)
        healed = {c.id for c in await ground.ledger.cases(states=["healed"], limit=10**6)}
        deletes = {site.name: site.deletes for site in sick}
        await lab_sites.break_all(sick)
        async with _scaled(everything, sources=[]) as (parts, _):
            began = time.monotonic()
            await ground.ledger.sight_many([site.seen() for site in everything.sites])
            await _healed(everything, healed, began, f"{DUE} sites due at once")
            took = time.monotonic() - began
            memory = {part.name: part.peak_memory for part in parts}
        await _look(replace(everything, sites=sick), healed, deletes, everything.sites)
    rows = [
        Row(f"{DUE} sites due at once, {broken} of them broken: all healed, the others found healthy", f"{took:.0f} s")
    ]
    return rows + [Row(f"… peak memory of {name}", f"{size:.0f} MiB") for name, size in memory.items()]


# -- the scaled deployment -------------------------------------------------------------------------------


@asynccontextmanager
async def _scaled(ground: Ground, **sections: object) -> AsyncIterator[tuple[list[Part], str]]:
    """The parts that may be killed, and the address of the first Prefect server."""
    folder = ground.folder
    environment = ground.inventory("scaled", prefect={"work_pool": "retrust"}, **sections)
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
        yield [*apis, *services, *workers, serve], urls[0]


async def _deployed(folder: Path, environment: dict[str, str]) -> None:
    """The pool and the shipped deployments; the sweep waits, so that what starts a run is the service."""
    await _done(folder, environment, "work-pool", "create", "retrust", "--type", "retrust", "--overwrite")
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
