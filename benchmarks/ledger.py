"""The ledger's cost on SQLite: entries a second, a storm, verification, and what opening it takes.

Each figure stands beside its limit, measured in the same run: an entry beside a bare ``sqlite3`` commit of
the same text with the same safety (one write to the disk each), opening beside importing the models alone.
Writers of several processes are all of them whole ledgers on one file, from their first entry to their last.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.report import Row, at_least, beside

from retrust.audit import verify_chain
from retrust.ledger import Ledger
from retrust.ledger.entries import Noticed
from retrust.testing.ledgers import SITE, baseline, sighting

ENTRIES = 500
STORM = 100_000
STARTS = 7
TOLD = Noticed(what="delete-1 done", detail="the pin is gone" + "x" * 200)

START = "import asyncio, sys\nfrom pathlib import Path\nimport retrust.models\n"
READS = """
async def main():
    async with {opened} as known:
        await known.baselines("campus")
        await known.sightings("campus")
        await known.accepted_identities("campus")
asyncio.run(main())
"""
GLANCE = START + "from retrust.ledger import read_only" + READS.format(opened="read_only(None, Path(sys.argv[1]))")
OPEN = START + "from retrust.ledger import Ledger" + READS.format(opened="await Ledger.open(None, Path(sys.argv[1]))")

WRITERS, EACH, PROCESSES = 64, 40, 4
GOAL = 0.4
BARE = "bare sqlite3 commits, synchronous=FULL"
WRITE = """
import asyncio, sys, time
from pathlib import Path
from benchmarks.ledger import write_at_once
from retrust.ledger import Ledger
async def main(home, writers):
    async with await Ledger.open(None, Path(home)) as ledger:
        await ledger.head()
        print("ready", flush=True)
        sys.stdin.readline()
        began = time.time()
        await write_at_once(ledger, int(writers))
        print(began, time.time(), flush=True)
asyncio.run(main(*sys.argv[1:]))
"""


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        return [*asyncio.run(_writing(home)), *_opening(home)]


async def _writing(home: Path) -> list[Row]:
    bare = _bare_commits(home / "bare.db")
    async with await Ledger.open(None, home) as ledger:
        await ledger.set_baselines([baseline(key=f"10.0.0.{n}_8082") for n in range(50)], actor="benchmark")
        single = await _single(ledger)
        at_once = await _at_once(ledger)
        processes = await asyncio.to_thread(_in_processes, home)
        together = await _together(ledger)
        storm = await _storm(ledger)
        began = time.perf_counter()
        report = await verify_chain(ledger)
        assert report.ok, report
        verified = report.entries / (time.perf_counter() - began)
    return [
        beside("entries, each acknowledged before the next", single, bare, unit="/s", peer_name=BARE),
        at_least(
            f"entries of {WRITERS} writers at once, each acknowledged", at_once, bare, GOAL, unit="/s", peer_name=BARE
        ),
        at_least(
            f"the same, {WRITERS // PROCESSES} writers in each of {PROCESSES} processes",
            processes,
            bare,
            GOAL,
            unit="/s",
            peer_name=BARE,
        ),
        Row("entries, 100 in a transaction", f"{together:,.0f}/s"),
        Row(f"a storm of {STORM:,} sightings on two edges", f"{storm:.2f} s", f"{STORM / storm:,.0f} sightings/s"),
        Row("entries verified, chain and derived tables", f"{verified:,.0f}/s"),
    ]


async def write_at_once(ledger: Ledger, writers: int) -> None:
    async def write() -> None:
        for _ in range(EACH):
            await ledger.append(TOLD, actor="benchmark", site=SITE)

    await asyncio.gather(*(write() for _ in range(writers)))


async def _at_once(ledger: Ledger) -> float:
    began = time.perf_counter()
    await write_at_once(ledger, WRITERS)
    return WRITERS * EACH / (time.perf_counter() - began)


def _in_processes(home: Path) -> float:
    """From the first entry of the first process to the last one's last."""
    command = [sys.executable, "-c", WRITE, str(home), str(WRITERS // PROCESSES)]
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(PROCESSES)
        ]
        for process in started:
            assert process.stdout.readline() == "ready\n"
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        times = [tuple(map(float, process.stdout.readline().split())) for process in started]
    return WRITERS * EACH / (max(end for _, end in times) - min(begin for begin, _ in times))


async def _single(ledger: Ledger) -> float:
    began = time.perf_counter()
    for _ in range(ENTRIES):
        await ledger.append(TOLD, actor="benchmark", site=SITE)
    return ENTRIES / (time.perf_counter() - began)


async def _together(ledger: Ledger) -> float:
    began = time.perf_counter()
    for _ in range(ENTRIES // 100):
        async with ledger.write() as writing:
            for _ in range(100):
                await writing.append(TOLD, actor="benchmark", site=SITE)
    return ENTRIES / (time.perf_counter() - began)


async def _storm(ledger: Ledger) -> float:
    storm = [sighting(n, dn=f"CN=pi-{n % 2}") for n in range(STORM)]
    began = time.perf_counter()
    for start in range(0, STORM, 10_000):
        await ledger.sight_many(storm[start : start + 10_000])
    took = time.perf_counter() - began
    assert sum(seen.count for seen in await ledger.sightings(SITE)) == STORM
    return took


def _bare_commits(path: Path) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, body TEXT)")
        began = time.perf_counter()
        for _ in range(ENTRIES):
            connection.execute("INSERT INTO entries (body) VALUES (?)", (str(TOLD),))
        return ENTRIES / (time.perf_counter() - began)


def _opening(home: Path) -> Iterator[Row]:
    """Whole processes, in turn, by the time that the processor gave them: a busy machine changes that least."""
    took: dict[str, list[float]] = {"models": [], "glance": [], "open": []}
    for _ in range(STARTS):
        for name, code in (("models", START), ("glance", GLANCE), ("open", OPEN)):
            before = _children()
            subprocess.run([sys.executable, "-c", code, str(home)], check=True)
            took[name].append(_children() - before)
    models, glance, opened = (statistics.median(took[name]) for name in ("models", "glance", "open"))
    yield Row("python and the models alone, CPU", f"{models:.3f} s", "the limit")
    yield Row("a glance: what check reads of the ledger, CPU", f"{glance:.3f} s", f"{glance - models:+.3f} s")
    yield Row("the ledger opened, the same read, CPU", f"{opened:.3f} s", f"{opened - models:+.3f} s")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
