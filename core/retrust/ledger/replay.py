"""The derived tables held against a replay of the entries, and written anew from them.

The replay goes into a scratch database of its own, then both are walked in the order of their keys: a
big ledger needs disk, not memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, Table, create_engine, delete, event, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from retrust.ledger import tables as t
from retrust.ledger.derive import statements
from retrust.ledger.journal import Journal, entry_of
from retrust.ledger.undisturbed import undisturbed


async def first_difference(connection: AsyncConnection) -> str | None:
    """Names the table, row and column where the derived tables first differ from the entries."""
    with (
        tempfile.TemporaryDirectory(prefix="retrust-replay-") as folder,
        contextlib.closing(_Scratch(Path(folder) / "scratch.db")) as scratch,
    ):
        if failure := await _replay(connection, scratch.connection):
            return failure
        for table in t.DERIVED:
            if found := await _compare(connection, scratch.connection, table):
                return found
    return None


@undisturbed
async def rebuild(ledger: Journal) -> None:
    """Write the derived tables anew from the entries, after the chain was verified; leases are left alone."""
    async with ledger.write() as writing:
        kept = [table for table in t.DERIVED if table is not t.leases]
        connection = await writing.tables(change=True)
        for table in kept:
            await connection.execute(delete(table))
        async for row in await connection.stream(select(t.entries).order_by(t.entries.c.seq)):
            for statement, rows in statements(entry_of(dict(row._mapping)), ledger.dialect):
                if statement.table in kept:  # type: ignore[attr-defined]
                    await connection.execute(statement, rows)


class _Scratch:
    """An empty SQLite database with the derived tables, gone with its folder."""

    def __init__(self, path: Path) -> None:
        self._engine: Engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
        event.listen(self._engine, "connect", _careless)
        self.connection: Connection = self._engine.connect()
        t.metadata.create_all(self.connection, tables=list(t.DERIVED))

    def close(self) -> None:
        self.connection.close()
        self._engine.dispose()


def _careless(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = OFF")


async def _replay(connection: AsyncConnection, scratch: Connection) -> str | None:
    count = 0
    async for row in await connection.stream(select(t.entries).order_by(t.entries.c.seq)):
        try:
            for statement, rows in statements(entry_of(dict(row._mapping)), "sqlite"):
                scratch.execute(statement, rows)
        except Exception as exc:  # whatever an entry does not hold: it is the entry that is at fault
            return f"entry {row.seq} ({row.kind}) cannot be replayed: {type(exc).__name__}: {exc}".splitlines()[0]
        count += 1
        if count % 200 == 0:
            await asyncio.sleep(0)
    return None


async def _compare(connection: AsyncConnection, scratch: Connection, table: Table) -> str | None:
    expected = iter(scratch.execute(_ordered(table, "BINARY")))
    collation = "C" if connection.dialect.name == "postgresql" else "BINARY"
    async for row in await connection.stream(_ordered(table, collation)):
        if found := _differs(table, row, next(expected, None)):
            return found
    missing = next(expected, None)
    return f"table {table.name}: the row {_key(table, missing)} is missing" if missing else None


def _ordered(table: Table, collation: str) -> Select[Any]:
    """In the order of the bytes of the key, which is the same on every database."""
    keys = [c if str(c.type) != "TEXT" else c.collate(collation) for c in table.primary_key]
    return select(table).order_by(*keys)


def _differs(table: Table, row: Row[Any], expected: Row[Any] | None) -> str | None:
    if expected is None or _key(table, row) != _key(table, expected):
        known = expected is not None and _key(table, row) > _key(table, expected)
        at, what = (expected, "is missing") if known and expected is not None else (row, "is of no entry")
        return f"table {table.name}: the row {_key(table, at)} {what}"
    for column in table.columns:
        is_same = row._mapping[column.name] == expected._mapping[column.name]
        if not is_same and (table.name, column.name) not in t.VOLATILE:
            return f"table {table.name}: the row {_key(table, row)} differs from the entries in {column.name}"
    return None


def _key(table: Table, row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row._mapping[column.name] for column in table.primary_key)
