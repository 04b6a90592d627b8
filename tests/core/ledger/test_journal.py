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
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from retrust.audit import verify_chain
from retrust.errors import TemporaryError, UsageError
from retrust.ledger import Entry, Ledger, LedgerError, journal
from retrust.ledger.canonical import GENESIS
from retrust.ledger.entries import CaseMoved, CaseOpened, LookAsked
from retrust.states import Event, State
from retrust.testing.ledgers import SITE, SetClock, decision, noticed, plan, sighting, snapshot
from retrust.testing.postgres import requires_postgres

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


def holding(secret: bytes, folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and secret in file.read_bytes()]


async def test_an_entry_follows_the_one_before(ledger: Ledger, clock: SetClock) -> None:
    """Numbers without a gap, each with the hash of the one before, time, actor and run."""
    first = await ledger.append(noticed("ä"), actor="cli:root@host", run="run-1", site=SITE)
    clock.forward(seconds=1)
    second = await ledger.append(noticed(), actor="service", case="c1")
    [key, *entries] = await ledger.entries()
    assert (key.kind, key.seq, key.prev_hash) == ("key-joined", 1, GENESIS)
    assert entries == [first, second]
    assert (second.seq, second.prev_hash, second.at) == (3, first.hash, clock.now)
    assert (await ledger.head()).hash == second.hash


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


async def test_secrets_never_enter(url: str, tmp_path: Path) -> None:
    """The redactor sees every text of every entry, names of fields included; no table and no file holds one."""
    secret = "hunter2"
    async with await Ledger.open(url, tmp_path, redact=lambda said: said.replace(secret, "***")) as ledger:
        case = await ledger.open_case(SITE, cause=f"x {secret}", actor=f"cli:{secret}", run=secret)
        await ledger.sight(sighting(text=f"password {secret}", dn=f"CN={secret}"))
        await ledger.record_plan(case.id, plan(), actor="service")
        await ledger.decide(decision(case.id, reason=f"it is {secret}"))
        seen = snapshot().model_copy(update={"relations": {secret: None}, "problems": (secret,)})
        await ledger.record_look(seen, actor="x")
        await ledger.alarm(secret, secret, actor=secret)
        everything = [e.model_dump_json() for e in await ledger.entries()]
        assert not [told for told in everything if secret in told]
        assert sum(told.count("***") for told in everything) == 11
    assert holding(secret.encode(), tmp_path) == []


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


async def test_a_cancelled_writer_leaves_no_lock(ledger: Ledger) -> None:
    """Cancelled at any point of its way, once or again while it gives up: others write on, the chain is whole."""
    for turns in range(40):
        task = asyncio.create_task(ledger.append(noticed(turns), actor="cancelled"))
        for _ in range(turns):
            await asyncio.sleep(0)
        for _ in range(1 + turns % 3):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(task, return_exceptions=True)
        await ledger.append(noticed(turns), actor="next")
    assert len([e async for e in ledger.walk() if e.actor == "next"]) == 40
    report = await verify_chain(ledger)
    assert report.ok, report


async def test_the_database_refuses_changes(ledger: Ledger) -> None:
    """Entries take neither an update nor a delete from whoever uses the database's own front door."""
    await ledger.append(noticed(), actor="x")
    for statement in ("UPDATE entries SET actor = 'y'", "DELETE FROM entries"):
        with pytest.raises(LedgerError, match="append-only"):
            async with ledger._database.writing() as connection:
                await connection.execute(text(statement))


async def test_a_locked_ledger_says_so(tmp_path: Path) -> None:
    """Another writer that does not end: a temporary error, and nothing was recorded."""
    async with await Ledger.open(None, tmp_path) as one, await Ledger.open(None, tmp_path, patience=0.05) as two:
        await one.append(noticed(), actor="x")
        head = await one.head()
        async with one.write():
            with pytest.raises(LedgerError, match=r"database is locked \(another process writes for too long"):
                await two.append(noticed(), actor="x")
        assert await one.head() == head
        await two.append(noticed(), actor="x")


async def test_a_full_disk_says_so(tmp_path: Path) -> None:
    """Nothing is acknowledged, the chain stays whole, and it goes on once there is room."""
    async with await Ledger.open(None, tmp_path) as ledger:
        await ledger.append(noticed(), actor="x")
        head = await ledger.head()
        async with ledger._database.reading() as connection:
            await connection.execute(text("PRAGMA max_page_count = 1"))  # SQLite takes the present size
        with pytest.raises(LedgerError, match=r"full \(make room on the disk"):
            await ledger.append(noticed("x" * 1_000_000), actor="x")
        assert await ledger.head() == head
        async with ledger._database.reading() as connection:
            await connection.execute(text("PRAGMA max_page_count = 1000000"))
        await ledger.append(noticed("x" * 1_000_000), actor="x")
        assert (await verify_chain(ledger)).ok


async def test_a_database_that_is_gone_and_back(tmp_path: Path) -> None:
    """While PostgreSQL is away every call is a temporary error; once it is back, the same ledger goes on."""
    server = requires_postgres()
    async with await Ledger.open(server.database(), tmp_path) as ledger:
        await ledger.append(noticed(), actor="x")
        await asyncio.to_thread(server.stop, signal.SIGQUIT)
        try:
            for _ in range(2):
                with pytest.raises(LedgerError):
                    await ledger.append(noticed(), actor="x")
        finally:
            await asyncio.to_thread(server.start)
        await ledger.append(noticed(), actor="x")
        assert (await verify_chain(ledger)).ok


async def test_an_unreachable_database_hides_its_password(tmp_path: Path) -> None:
    """The error says where, and never with what."""
    with pytest.raises(TemporaryError) as failed:
        await Ledger.open("postgresql://someone:hunter2@127.0.0.1:1/ledger", tmp_path)
    assert "127.0.0.1:1/ledger" in str(failed.value)
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "nonsense", "http://localhost/"])
async def test_a_wrong_address(url: str, tmp_path: Path) -> None:
    """Neither SQLite nor PostgreSQL is a wrong call."""
    with pytest.raises(UsageError, match="ledger"):
        await Ledger.open(url, tmp_path)


async def test_foreign_errors_do_not_leak(ledger: Ledger) -> None:
    """SQLAlchemy's own errors are the ledger's by the time anybody else sees them, without the statement."""
    with pytest.raises(LedgerError) as failed:
        async with ledger._database.reading() as connection:
            await connection.execute(text("SELECT hunter2 FROM nowhere"))
    assert isinstance(failed.value.__cause__, DBAPIError)
    assert "SELECT" not in str(failed.value)
