"""Writers that wait at the same time share a transaction: what they are promised is what each alone is promised."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from sqlalchemy import event, select

from retrust.audit import verify_chain
from retrust.errors import RetrustError
from retrust.ledger import Entry, Ledger, turns
from retrust.ledger import tables as t
from retrust.ledger.entries import CaseOpened
from retrust.ledger.keys import LedgerKey
from retrust.testing.ledgers import SITE, noticed


@pytest.fixture
def commits(ledger: Ledger) -> list[str]:
    """The heads that were signed, as they come."""
    signed: list[str] = []

    @event.listens_for(ledger._database._engine.sync_engine, "before_cursor_execute")
    def executed(connection: object, cursor: object, statement: str, *more: object) -> None:
        if statement.startswith("UPDATE head"):
            signed.append(statement)

    return signed


async def opened(ledger: Ledger, case: str, *, fails: bool = False) -> Entry:
    """Opens a case by hand, and fails afterwards where it is told to."""
    async with ledger.write() as writing:
        entry = await writing.append(CaseOpened(cause="x"), actor="x", case=case, site=case)
        assert await writing.row(select(t.cases).where(t.cases.c.id == case)) is not None
        if fails:
            raise ZeroDivisionError
    return entry


async def test_writers_at_once_share_commits(ledger: Ledger, commits: list[str]) -> None:
    """Each has its own entry, in the order of asking; few signatures cover them all, and the chain verifies."""
    entries = await asyncio.gather(*(ledger.append(noticed(n), actor=str(n)) for n in range(64)))
    assert [entry.seq for entry in entries] == list(range(2, 66))
    assert [e.actor for e in await ledger.entries(after=1)] == [str(n) for n in range(64)]
    assert len(commits) < 10
    report = await verify_chain(ledger)
    assert (report.ok, report.entries) == (True, 65), report


async def test_one_alone_has_its_own(ledger: Ledger, commits: list[str]) -> None:
    """Writers one after the other have a signature each."""
    for number in range(3):
        await ledger.append(noticed(number), actor="x")
    assert len(commits) == 3


@pytest.mark.parametrize("failing", [(0,), (1,), (4,), (0, 1, 2, 3, 4), (1, 3)])
async def test_who_fails_is_undone_alone(ledger: Ledger, failing: tuple[int, ...]) -> None:
    """Whichever of them fails after it has written: nothing is left of it, and all of the others are kept."""
    ended = await asyncio.gather(
        *(opened(ledger, f"c{n}", fails=n in failing) for n in range(5)), return_exceptions=True
    )
    assert [isinstance(result, ZeroDivisionError) for result in ended] == [n in failing for n in range(5)]
    await ledger.append(noticed(), actor="x")
    kept = [f"c{n}" for n in range(5) if n not in failing]
    assert [e.case for e in await ledger.entries(kinds=["case-opened"])] == kept
    assert sorted(case.id for case in await ledger.cases()) == kept
    report = await verify_chain(ledger)
    assert report.ok, report


async def test_a_reader_in_a_turn_sees_what_went_before(ledger: Ledger) -> None:
    """Of its own turn and of those before it, of every kind."""
    seen: list[int] = []

    async def write() -> None:
        async with ledger.write() as writing:
            await writing.append(noticed(), actor="x")
            seen.append(len(await writing.rows(select(t.entries.c.seq).where(t.entries.c.kind == "notice"))))

    await asyncio.gather(*(write() for _ in range(4)))
    assert seen == [1, 2, 3, 4]


async def test_nobody_is_told_before_the_commit(ledger: Ledger) -> None:
    """An entry can be read by anybody once its writer goes on."""

    async def write(number: int) -> bool:
        entry = await ledger.append(noticed(number), actor="x")
        return await ledger.entry(entry.seq) == entry

    assert all(await asyncio.gather(*(write(n) for n in range(30))))


async def test_a_commit_that_fails_fails_them_all(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shared it hears of it, nothing is kept, and the next writer writes."""
    await ledger.append(noticed(), actor="x")
    with monkeypatch.context() as patch:
        patch.setattr(LedgerKey, "sign", lambda *_: 1 // 0)
        ended = await asyncio.gather(*(ledger.append(noticed(n), actor="x") for n in range(5)), return_exceptions=True)
        assert [type(result) for result in ended] == [ZeroDivisionError] * 5
    assert (await ledger.head()).seq == 2
    assert (await ledger.append(noticed(), actor="x")).seq == 3


async def test_who_is_given_up_holds_up_nobody(ledger: Ledger) -> None:
    """A writer that is cancelled, while it waits or in its turn, leaves nothing, and the others are kept."""
    begun = asyncio.Event()

    async def hang() -> None:
        async with ledger.write() as writing:
            await writing.append(CaseOpened(cause="x"), actor="x", case="c9", site=SITE)
            begun.set()
            await asyncio.Event().wait()

    hanging, waiting = asyncio.create_task(hang()), asyncio.create_task(hang())
    await begun.wait()
    writers = [asyncio.create_task(ledger.append(noticed(n), actor="x")) for n in range(5)]
    waiting.cancel()
    hanging.cancel()
    await asyncio.wait([hanging, waiting])
    assert hanging.cancelled()
    assert waiting.cancelled()
    assert len({entry.seq for entry in await asyncio.gather(*writers)}) == 5
    assert await ledger.cases() == []


async def test_a_transaction_that_lasts_takes_in_nobody_more(
    ledger: Ledger, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the first of it does not wait for ever while others keep coming."""
    monkeypatch.setattr(turns, "LONGEST", 0.0)
    await asyncio.gather(*(ledger.append(noticed(n), actor="x") for n in range(5)))
    assert len(commits) == 5


async def test_other_processes_are_waited_for(url: str, tmp_path: Path) -> None:
    """Each shares commits among its own writers, and all of them make one chain."""
    async with contextlib.AsyncExitStack() as stack:
        books = [await stack.enter_async_context(await Ledger.open(url, tmp_path)) for _ in range(4)]
        await asyncio.gather(*(book.append(noticed(n), actor="x") for n in range(8) for book in books))
        report = await verify_chain(books[0])
    assert (report.ok, report.entries) == (True, 33), report


async def test_where_no_transaction_begins_each_hears_of_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of beginning one is its first writer's; who comes after it tries anew."""
    refusals = iter([RetrustError("it is locked")])
    begin = ledger._begin

    async def refused(*arguments: object) -> object:
        for refusal in refusals:
            raise refusal
        return await begin(*arguments)

    monkeypatch.setattr(ledger, "_begin", refused)
    ended = await asyncio.gather(*(ledger.append(noticed(n), actor="x") for n in range(3)), return_exceptions=True)
    assert [isinstance(result, RetrustError) for result in ended] == [True, False, False]
