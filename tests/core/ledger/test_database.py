"""One writer at a time, readers that stand still, and a database's errors in the ledger's words."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from retrust.audit import verify_chain
from retrust.errors import TemporaryError, UsageError
from retrust.ledger import Ledger, LedgerError, is_local, with_password
from retrust.ledger.database import Database, ledger_url
from retrust.testing.ledgers import noticed
from retrust.testing.postgres import requires_postgres


@pytest.fixture
async def database(url: str, tmp_path: Path) -> AsyncIterator[Database]:
    """With a table of numbers, which is empty."""
    opened = Database(ledger_url(url, tmp_path), patience=10)
    async with opened.writing() as connection:
        await connection.execute(text("CREATE TABLE numbers (n INTEGER NOT NULL)"))
    yield opened
    await opened.close()


COUNT = text("SELECT count(*) FROM numbers")
ADD = text("INSERT INTO numbers VALUES (1)")


async def test_a_block_is_kept_whole_or_not_at_all(database: Database) -> None:
    """Its end is the commit; an error inside leaves nothing of it."""

    async with database.writing() as connection:
        await connection.execute(ADD)

    async def fail() -> None:
        async with database.writing() as connection:
            await connection.execute(ADD)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.reading() as connection:
        assert await connection.scalar(COUNT) == 1


async def test_one_writes_at_a_time(database: Database) -> None:
    """Tasks that read and then write in one block each find what the one before has left."""
    found = []

    async def write() -> None:
        async with database.writing() as connection:
            found.append(await connection.scalar(COUNT))
            await connection.execute(ADD)

    await asyncio.gather(*(write() for _ in range(8)))
    assert found == list(range(8))


async def test_a_still_view_does_not_move(database: Database) -> None:
    """What others write meanwhile is not seen in it, however long it takes; another view sees it."""
    async with database.still() as still:
        assert await still.scalar(COUNT) == 0
        async with database.writing() as connection:
            await connection.execute(ADD)
        async with database.reading() as reading:
            assert await reading.scalar(COUNT) == 1
        assert await still.scalar(COUNT) == 0


async def test_what_is_acknowledged_is_on_the_disk(tmp_path: Path) -> None:
    """SQLite writes ahead, and waits for the disk at each commit, on every connection."""
    database = Database(ledger_url(None, tmp_path), patience=1)
    async with database.reading() as one, database.reading() as two:
        for connection in (one, two):
            said = [await connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")]
            assert said == ["wal", 2]
    await database.close()


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("postgresql://db.example/x", False),
        ("postgresql://127.0.0.1/x", False),
        ("postgresql:///x", True),
        ("postgresql:///x?host=/run/postgresql", True),
        ("postgresql:///x?host=db.example", False),
        ("sqlite:////var/lib/ledger.db", True),
    ],
)
def test_which_databases_are_local(url: str, local: bool) -> None:
    """Those that are reached by a file or a socket in a folder."""
    assert is_local(url) is local


def test_a_password_is_put_into_the_address() -> None:
    """Whatever signs it holds, it is read again as it was."""
    url = with_password("postgresql://retrust@db.example/x", "a:b/c@d%")
    assert ledger_url(url, Path()).password == "a:b/c@d%"


async def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "ledger.db").write_bytes(b"no database at all" * 99)
    with pytest.raises(LedgerError, match=r"not a database \(this file is no ledger, or is damaged"):
        await Ledger.open(None, tmp_path)


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
