from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from retrust.audit import verify_chain
from retrust.ledger import Entry, Ledger, journal
from retrust.ledger.entries import CaseMoved, CaseOpened, LookAsked
from retrust.states import Event, State
from retrust.testing.ledgers import SITE, noticed

APPEND = """
import asyncio, sys
from pathlib import Path
from retrust.ledger import Ledger
from retrust.testing.ledgers import noticed

async def main(url, home, name, count):
    async with await Ledger.open(url, Path(home)) as ledger:
        for number in range(int(count)):
            entry = await ledger.append(noticed(number), actor=name)
            print(entry.seq, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def appending(url: str, home: Path, name: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """Another process that appends to the ledger and says each entry's number once it is acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", APPEND, url, str(home), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def test_entries_are_found(ledger: Ledger) -> None:
    """By case, by site, by kind, and what follows a number."""
    for number in range(4):
        told = noticed(number) if number % 2 else LookAsked(why="a test", source=str(number))
        await ledger.append(told, actor="x", case=f"c{number}", site=SITE)
    assert [e.case for e in await ledger.entries(kinds=["notice"])] == ["c1", "c3"]
    assert [e.case for e in await ledger.entries(case="c2")] == ["c2"]
    assert [e.case for e in await ledger.entries(site=SITE, limit=2)] == ["c0", "c1"]
    assert [e.case async for e in ledger.walk(after=3)] == ["c2", "c3"]
    assert await ledger.entry(99) is None


async def test_kinds_with_rules_have_methods(ledger: Ledger) -> None:
    """Nobody moves a case past the table by writing the entry by hand."""
    with pytest.raises(ValueError, match="case-moved"):
        await ledger.append(
            CaseMoved(event=Event.HEAL, was=State.WAITING, state=State.HEALED, note=""), actor="x", case="c1"
        )


async def test_all_of_a_transaction_or_nothing(ledger: Ledger) -> None:
    """An error inside leaves no entry, no derived row, and tells no observer."""
    await ledger.append(noticed(), actor="x")
    head, told = await ledger.head(), []

    async def observe(entry: Entry) -> None:
        told.append(entry)

    ledger.observers.append(observe)

    async def fail() -> None:
        async with ledger.write() as writing:
            await writing.append(CaseOpened(cause="x"), actor="x", case="c9", site=SITE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await ledger.head(), await ledger.cases(), told) == (head, [], [])


async def test_observers_hear_after_the_commit(ledger: Ledger) -> None:
    """What an observer is told can be read by anybody, in order, and it may write itself."""
    told: list[tuple[str, bool]] = []

    async def observe(entry: Entry) -> None:
        told.append((entry.kind, await ledger.entry(entry.seq) == entry))
        if entry.kind == "alarm":
            await ledger.append(noticed(entry.seq), actor="observer")

    ledger.observers.append(observe)
    await ledger.alarm("x", "y", actor="service")
    assert told == [("key-joined", True), ("alarm", True), ("notice", True)]


async def test_of_nothing_written_nobody_hears(ledger: Ledger) -> None:
    """A transaction that appends no entry has no note and no observer, and leaves the chain as it was."""
    await ledger.append(noticed(), actor="x")
    head, heard = await ledger.head(), []

    async def hear(said: object) -> None:
        heard.append(said)

    ledger.observers.append(hear)
    ledger.witnesses.append(hear)
    async with ledger.write():
        pass
    assert (await ledger.head(), heard) == (head, [])


async def test_a_failing_observer_fails_nothing(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """It is complained of once, the entry is kept, and the others hear of it."""
    heard: list[int] = []

    async def deaf(entry: Entry) -> None:
        raise RuntimeError("no network")

    async def well(entry: Entry) -> None:
        heard.append(entry.seq)

    ledger.observers += [deaf, well]
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await ledger.append(noticed(), actor="x")
    assert heard == [1, 2, 3, 4]
    assert [r.getMessage() for r in caplog.records] == [
        f"the observer {__name__}:{deaf.__qualname__} failed at entry 1 (key-joined); "
        "its further failures are not told: RuntimeError: no network"
    ]


async def test_a_hanging_observer_is_left(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given some time, then the writer goes on."""
    monkeypatch.setattr(journal, "OBSERVER_LIMIT", 0.01)

    async def hang(entry: Entry) -> None:
        await asyncio.Event().wait()

    ledger.observers.append(hang)
    assert (await ledger.append(noticed(), actor="x")).seq == 2


async def test_tasks_and_processes_keep_one_chain(url: str, tmp_path: Path) -> None:
    """Two processes that open a new ledger at once, and 200 entries of each, make one chain."""
    with appending(url, tmp_path, "one", 200) as one, appending(url, tmp_path, "two", 200) as two:
        said = await asyncio.gather(asyncio.to_thread(one.communicate), asyncio.to_thread(two.communicate))
        assert (one.returncode, two.returncode) == (0, 0)
    numbers = sorted(int(number) for out, _ in said for number in out.split())
    assert numbers == list(range(2, 402))
    async with await Ledger.open(url, tmp_path) as ledger:
        report = await verify_chain(ledger)
        assert report.ok, report
        assert report.entries == 401


async def test_a_killed_process_leaves_a_whole_chain(url: str, tmp_path: Path) -> None:
    """Whatever it was doing: the chain verifies, and holds every entry that was acknowledged."""
    for name, after in (("first", 1), ("second", 7), ("third", 20)):
        with appending(url, tmp_path, name, 10_000) as process:
            assert process.stdout is not None
            said = [int(process.stdout.readline()) for _ in range(after)]
            process.send_signal(signal.SIGKILL)
            process.wait()
            said += [int(line) for line in process.stdout.read().splitlines() if line]
        async with await Ledger.open(url, tmp_path) as ledger:
            report = await verify_chain(ledger)
            assert report.ok, report
            assert report.entries >= said[-1]
            kept = {e.seq: e.actor async for e in ledger.walk()}
            assert {kept[number] for number in said} == {name}
