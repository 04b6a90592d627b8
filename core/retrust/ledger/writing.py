"""One transaction of the chain: entries appended, their tables derived, the new head signed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, update
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


class Writing:
    """One transaction of the chain. ``now`` is its time; what it appended is in ``entries``."""

    def __init__(
        self, connection: AsyncConnection, dialect: str, head: Head, now: datetime, redact: Redact, key: LedgerKey
    ) -> None:
        self.connection = connection
        self.now = now
        self.entries: list[Entry] = []
        self._dialect = dialect
        self._head = head
        self._redact = redact
        self._key = key

    async def append(
        self, body: Body, *, actor: str, run: str | None = None, case: str | None = None, site: str | None = None
    ) -> Entry:
        kind, at = kind_of(body), written_time(self.now)
        seq, prev = self._head.seq + 1, self._head.hash
        actor, run, case, site, fields = clean([actor, run, case, site, written(body)], self._redact)
        text = canonical(fields)
        sealed = entry_hash(seq, at, actor, run, case, site, kind, text, prev)
        entry = Entry(
            seq=seq,
            at=self.now,
            actor=actor,
            run=run,
            case=case,
            site=site,
            kind=kind,
            text=text,
            prev_hash=prev,
            hash=sealed,
        )
        await self.connection.execute(INSERT_ENTRY, entry.row)
        for statement in statements(entry, self._dialect):
            await self.connection.execute(statement)
        self._head = Head(seq=seq, hash=sealed)
        self.entries.append(entry)
        return entry

    @property
    def head(self) -> Head:
        """Where the chain ends now."""
        return self._head

    @property
    def next_seq(self) -> int:
        return self._head.seq + 1

    async def row(self, query: Select[Any]) -> Row | None:
        found = (await self.connection.execute(query)).mappings().first()
        return dict(found) if found else None

    async def seal(self) -> None:
        seq, last = self._head.seq, self._head.hash
        signature = self._key.sign(head_message(seq, last)).hex()
        moved = {"seq": seq, "hash": last, "key_id": self._key.key_id, "signature": signature}
        await self.connection.execute(UPDATE_HEAD, moved)
