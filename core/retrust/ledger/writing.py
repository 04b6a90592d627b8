"""One transaction of the chain: entries appended, their tables derived, the new head signed.

Several writers have their turns in it (``turns``). Entries that nothing is derived from wait, to be stored in one
statement: until somebody reads, or changes a table, or the head is signed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from retrust.ledger import tables as t
from retrust.ledger.canonical import Redact, canonical, clean, entry_hash, head_message, written_time
from retrust.ledger.derive import statements
from retrust.ledger.entries import Body
from retrust.ledger.entry import Entry, kind_of, written
from retrust.ledger.keys import LedgerKey
from retrust.ledger.records import Head

Row = dict[str, Any]

# Made once: putting a statement together takes SQLAlchemy longer than SQLite takes to execute it.
INSERT_ENTRY = insert(t.entries)
UPDATE_HEAD = update(t.head)
SAVEPOINT, ROLL_BACK = text("SAVEPOINT turn"), text("ROLLBACK TO SAVEPOINT turn")

Now = Callable[[AsyncConnection], Awaitable[datetime]]


class Writing:
    """One transaction of the chain. ``now`` is the time of the turn; what it appended is in ``entries``."""

    def __init__(
        self, connection: AsyncConnection, dialect: str, head: Head, now: Now, redact: Redact, key: LedgerKey
    ) -> None:
        self.entries: list[Entry] = []
        self._connection = connection
        self._dialect = dialect
        self._head = head
        self._clock = now
        self._redact = redact
        self._key = key
        self._stored = 0
        self._before = (0, head)
        self._undoable = True  # the first turn, with the whole transaction

    async def look_at_the_clock(self) -> None:
        self.now = await self._clock(self._connection)

    async def next_turn(self) -> None:
        """Whoever appends from now on is another writer."""
        await self.look_at_the_clock()
        self._before, self._undoable = (len(self.entries), self._head), False

    async def undo(self) -> None:
        """Nothing of this turn has happened."""
        if self._undoable:
            await self._connection.execute(ROLL_BACK)
        count, self._head = self._before
        del self.entries[count:]
        self._stored = min(self._stored, count)

    async def tables(self, *, change: bool = False) -> AsyncConnection:
        """The connection, when all that was appended is in its tables; what is to ``change`` them says so."""
        if not self._undoable and (change or self.of_this_turn):
            await self._store(self._before[0])
            await self._connection.execute(SAVEPOINT)
            self._undoable = True
        await self._store(len(self.entries))
        return self._connection

    async def _store(self, until: int) -> None:
        if rows := [entry.row for entry in self.entries[self._stored : until]]:
            await self._connection.execute(INSERT_ENTRY, rows)
            self._stored = until  # only now: on a full disk it failed, and the writers before have not lost theirs

    async def append(
        self, body: Body, *, actor: str, run: str | None = None, case: str | None = None, site: str | None = None
    ) -> Entry:
        kind, at = kind_of(body), written_time(self.now)
        seq, prev = self._head.seq + 1, self._head.hash
        actor, run, case, site, fields = clean([actor, run, case, site, written(body)], self._redact)
        stored = canonical(fields)
        sealed = entry_hash(seq, at, actor, run, case, site, kind, stored, prev)
        entry = Entry(
            seq=seq,
            at=self.now,
            actor=actor,
            run=run,
            case=case,
            site=site,
            kind=kind,
            text=stored,
            prev_hash=prev,
            hash=sealed,
        )
        self._head = Head(seq=seq, hash=sealed)
        self.entries.append(entry)
        for statement, rows in statements(entry, self._dialect):
            await (await self.tables(change=True)).execute(statement, rows)
        return entry

    @property
    def of_this_turn(self) -> list[Entry]:
        return self.entries[self._before[0] :]

    @property
    def head(self) -> Head:
        """Where the chain ends now."""
        return self._head

    @property
    def next_seq(self) -> int:
        return self._head.seq + 1

    async def row(self, query: Select[Any]) -> Row | None:
        return next(iter(await self.rows(query)), None)

    async def rows(self, query: Select[Any]) -> list[Row]:
        return [dict(row) for row in (await (await self.tables()).execute(query)).mappings()]

    async def seal(self) -> None:
        seq, last = self._head.seq, self._head.hash
        signature = self._key.sign(head_message(seq, last)).hex()
        moved = {"seq": seq, "hash": last, "key_id": self._key.key_id, "signature": signature}
        await self._store(len(self.entries))
        await self._connection.execute(UPDATE_HEAD, moved)
