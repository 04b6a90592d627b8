"""Engine, transactions, and the one place where a database's errors become the ledger's.

One writer at a time: on SQLite by BEGIN IMMEDIATE, on PostgreSQL by a row lock on the chain's head
(``journal``). SQLite runs in WAL mode with ``synchronous=FULL``: each commit is on the disk before it
is acknowledged, so an entry survives the death of the process and the loss of power alike, as far as
the disk keeps its word; ``NORMAL`` would survive only the former, and an acknowledged event or an
approval is not worth a millisecond. On PostgreSQL its own ``synchronous_commit`` (on) says the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, exc, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from retrust.errors import UsageError
from retrust.ledger.errors import LedgerError
from retrust.ledger.queries import FILE

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


def ledger_url(url: str | None, home: Path) -> URL:
    """The URL with its asynchronous driver; by default the file in ``home``."""
    if url is None:
        return URL.create(DRIVERS["sqlite"], database=str(home / FILE))
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise UsageError(
            "the ledger's address is not a database URL", hint="sqlite:///PATH or postgresql://…"
        ) from error
    backend = parsed.drivername.partition("+")[0]
    if backend not in DRIVERS:
        raise UsageError(f"a ledger cannot be kept on {backend}", hint="SQLite or PostgreSQL")
    return parsed.set(drivername=DRIVERS[backend])


class Database:
    """``reading`` and ``writing`` give a connection in a transaction that ends with the block."""

    def __init__(self, url: URL, *, patience: float) -> None:
        self.url = url
        self.where = url.render_as_string(hide_password=True)
        self.dialect = url.get_backend_name()
        self._patience = patience
        self._turn = asyncio.Lock()  # tasks of one process queue here: SQLite's own waiting is unfair
        self._engine = create_async_engine(url, **self._options())
        self._writers = self._engine.execution_options(retrust_writes=True)
        if self.dialect == "sqlite":
            self._teach_sqlite()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with self.translated():
            async with self._engine.connect() as connection, connection.begin():
                yield connection

    @contextlib.asynccontextmanager
    async def still(self) -> AsyncIterator[AsyncConnection]:
        """As ``reading``, and whatever others write meanwhile is not seen, however long it takes."""
        with self.translated():
            async with self._engine.connect() as connection:
                if self.dialect != "sqlite":  # SQLite's readers stand still by nature
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    yield connection

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        with self.translated():
            async with self._turn, self._writers.connect() as connection, connection.begin():
                yield connection

    async def close(self) -> None:
        with self.translated():
            await self._engine.dispose()

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise LedgerError(_said(error.orig or error), where=self.where, hint=_hint(str(error.orig))) from error
        except sqlite3.Error as error:
            raise LedgerError(_said(error), where=self.where, hint=_hint(str(error))) from error
        except exc.SQLAlchemyError as error:
            raise LedgerError(_said(error), where=self.where) from error
        except (OSError, TimeoutError) as error:
            raise LedgerError(f"unreachable: {_said(error)}", where=self.where) from error

    def _options(self) -> dict[str, Any]:
        if self.dialect == "sqlite":
            return {"connect_args": {"timeout": self._patience}, "pool_timeout": self._patience}
        return {"connect_args": {"timeout": self._patience}, "pool_pre_ping": True, "pool_timeout": self._patience}

    def _teach_sqlite(self) -> None:
        """Take transactions out of the driver's hands: it would begin them late, and never as IMMEDIATE."""

        @event.listens_for(self._engine.sync_engine, "connect")
        def connected(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            cursor = connection.cursor()
            try:
                cursor.execute("PRAGMA synchronous = FULL")
                cursor.execute("PRAGMA foreign_keys = ON")
                self._into_wal(cursor)
            finally:
                cursor.close()

        @event.listens_for(self._engine.sync_engine, "begin")
        def begun(connection: Any) -> None:
            """By the driver itself: each call through a cursor is four trips to the connection's thread."""
            begin = "BEGIN IMMEDIATE" if connection.get_execution_options().get("retrust_writes") else "BEGIN"
            connection.connection.dbapi_connection.run_async(lambda driver: driver.execute(begin))

    def _into_wal(self, cursor: Any) -> None:
        """Needed once for a file; two processes that do it at once get "locked" without any waiting."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                cursor.execute("PRAGMA journal_mode = WAL")
                cursor.fetchall()
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


def _said(error: BaseException) -> str:
    """The database's own words in one line, without SQLAlchemy's class names, statement and parameters."""
    root = error
    while root.__cause__ is not None and not isinstance(root, sqlite3.Error):
        root = root.__cause__
    return (str(root) or type(root).__name__).splitlines()[0]


def _hint(said: str) -> str | None:
    if "locked" in said:
        return "another process writes for too long; try again"
    if "full" in said:
        return "make room on the disk, then try again"
    if "unable to open" in said or "readonly" in said:
        return "RETRUST_HOME must be a folder that you may write"
    if "not a database" in said or "malformed" in said:
        return "this file is no ledger, or is damaged: put it aside, or restore it from a backup"
    return None


def is_local(url: str) -> bool:
    """Whether the database server is reached without a network."""
    parts = make_url(url)
    return str(parts.host or parts.query.get("host", "/")).startswith("/")


def with_password(url: str, password: str) -> str:
    return make_url(url).set(password=password).render_as_string(hide_password=False)
