"""What ``check`` needs from the ledger, read without opening it: no SQLAlchemy, no migration, no file made.

Importing the database toolkit takes longer than all that ``check`` asks of the ledger, so an SQLite
ledger of the current schema is read with the standard library; any other (PostgreSQL, an older schema)
is opened as usual. The SQL is the ledger's own (``queries``), and a test holds the answers side by side.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from retrust.ledger import queries
from retrust.ledger.canonical import written_time
from retrust.ledger.errors import LedgerError
from retrust.ledger.records import AcceptedIdentity, Sighted
from retrust.models import Baseline, Snapshot, Unpinned, edge_of

SQLITE_PREFIXES = ("sqlite:///", "sqlite+aiosqlite:///")


class Knowledge(Protocol):
    """What the ledger knows of a site before anybody looks; a ``Ledger`` is one."""

    async def baselines(self, site: str) -> dict[str, Baseline]: ...

    async def sightings(self, site: str | None = None, since: datetime | None = None) -> list[Sighted]: ...

    async def dismissed(self, site: str) -> list[Sighted]: ...

    async def unpinned(self, site: str) -> dict[str, Unpinned]: ...

    async def accepted_identities(self, site: str) -> list[AcceptedIdentity]: ...

    async def healed_count(self, site: str, edge: str, days: float) -> int: ...

    async def last_look(self, site: str) -> Snapshot | None: ...


class ReadOnlyLedger:
    """Reads one SQLite file; without one, there is nothing known yet."""

    def __init__(self, connection: sqlite3.Connection | None, where: str) -> None:
        self._connection = connection
        self._where = where

    async def baselines(self, site: str) -> dict[str, Baseline]:
        rows = self._rows(queries.BASELINES, site=site)
        return {edge_of(row["holder"], row["key"]): queries.baseline(row) for row in rows}

    async def sightings(self, site: str | None = None, since: datetime | None = None) -> list[Sighted]:
        query = queries.SIGHTINGS_OF_ALL if site is None else queries.SIGHTINGS_OF_SITE
        rows = self._rows(query, site=site, since=written_time(since) if since else "")
        return [queries.sighted(row) for row in rows]

    async def dismissed(self, site: str) -> list[Sighted]:
        return [queries.sighted(row) for row in self._rows(queries.DISMISSED, site=site, since="")]

    async def unpinned(self, site: str) -> dict[str, Unpinned]:
        return queries.unpinned(self._rows(queries.UNPINNED, site=site))

    async def accepted_identities(self, site: str) -> list[AcceptedIdentity]:
        return [queries.identity(row) for row in self._rows(queries.IDENTITIES, site=site)]

    async def healed_count(self, site: str, edge: str, days: float) -> int:
        since = written_time(datetime.now(UTC) - timedelta(days=days))
        rows = self._rows(queries.HEALS, site=site, edge=edge, since=since)
        return int(rows[0]["heals"]) if rows else 0

    async def last_look(self, site: str) -> Snapshot | None:
        rows = self._rows(queries.LOOKED, site=site)
        return queries.looked(rows[0]) if rows else None

    def _rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        if self._connection is None:
            return []
        with _translated(self._where):
            return [dict(row) for row in self._connection.execute(query, values)]


@contextlib.asynccontextmanager
async def read_only(url: str | None, home: Path, *, patience: float = 10.0) -> AsyncIterator[Knowledge]:
    """The ledger's knowledge, by the shortest way; ``url`` and ``home`` as for ``Ledger.open``."""
    path = _file(url, home)
    if path is not None and not path.exists():
        yield ReadOnlyLedger(None, str(path))
        return
    connection = _current(path, patience) if path is not None else None
    if connection is not None:
        with contextlib.closing(connection):
            yield ReadOnlyLedger(connection, str(path))
        return
    from retrust.ledger.ledger import Ledger  # heavy, and most looks do not need it

    async with await Ledger.open(url, home, patience=patience) as ledger:
        yield ledger


def _file(url: str | None, home: Path) -> Path | None:
    """The file that a URL names; None where only the ledger itself can tell."""
    if url is None:
        return home / queries.FILE
    for prefix in SQLITE_PREFIXES:
        path = url.removeprefix(prefix)
        if path != url and path and "?" not in path and not path.startswith(":"):
            return Path(path)
    return None


def _current(path: Path, patience: float) -> sqlite3.Connection | None:
    """A connection that only reads, if the file is a ledger of this very schema."""
    with _translated(str(path)):
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=patience, isolation_level=None
        )
        connection.row_factory = sqlite3.Row
        version = None
        try:
            with contextlib.suppress(
                sqlite3.OperationalError, TypeError
            ):  # no such table, or an empty one: not ours yet
                version = connection.execute(queries.SCHEMA_VERSION).fetchone()[0]
        finally:
            if version != queries.SCHEMA:
                connection.close()
        return connection if version == queries.SCHEMA else None


@contextlib.contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        raise LedgerError(str(exc), where=where) from exc
