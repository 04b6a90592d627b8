"""Walks a ledger's chain and names the first thing that is not as it was written.

Checked, in this order: the database file itself (SQLite), every entry (number, link, hash), the end
(the signed head, and what this home remembers of it outside the database), and the derived tables
against a replay. It reads one unmoving view, page by page; others may write meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import LargeBinary, cast, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from retrust.audit.links import FIELDS, fault
from retrust.audit.vouched import Vouched
from retrust.ledger import tables as t
from retrust.ledger.anchors import anchor, keep_anchor
from retrust.ledger.canonical import GENESIS, head_message
from retrust.ledger.errors import LedgerError
from retrust.ledger.journal import Journal
from retrust.ledger.keys import LedgerKey, signed_by
from retrust.ledger.notes import Note
from retrust.ledger.records import Head
from retrust.ledger.replay import first_difference
from retrust.ledger.ring import KIND, Ring

PAGE = 500


@dataclass(frozen=True)
class ChainReport:
    """``problem`` is the first one found, in words; ``seq`` is the entry at fault, if it is one.

    ``vouched`` is the newest entry that a note kept elsewhere agrees with.
    """

    entries: int
    head: Head
    signed_by: str | None = None
    problem: str | None = None
    seq: int | None = None
    vouched: int = 0

    @property
    def ok(self) -> bool:
        return self.problem is None

    def __str__(self) -> str:
        if self.problem is None:
            kept = f"; up to entry {self.vouched} as the notes say" if self.vouched else ""
            return f"{self.entries} entries, the chain is whole; it ends with {self.head.hash}{kept}"
        return f"entry {self.seq}: {self.problem}" if self.seq else self.problem


class _Fault(Exception):
    def __init__(self, problem: str, seq: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.seq = seq


async def verify_chain(ledger: Journal, *, first_key: str | None = None, notes: Iterable[Note] = ()) -> ChainReport:
    """Never raises for what it finds, only for a ledger that cannot be reached.

    ``first_key``: the id of the key that the chain has to begin with. ``notes`` were kept elsewhere.
    """
    walk = _Walk(ledger, first_key, notes)
    try:
        async with ledger.still() as connection:
            signer = await walk.run(connection)
    except _Fault as found:
        return ChainReport(entries=walk.last.seq, head=walk.last, problem=found.problem, seq=found.seq)
    except LedgerError as exc:
        if not _is_damage(exc):
            raise
        return ChainReport(
            entries=walk.last.seq,
            head=walk.last,
            problem=f"after entry {walk.last.seq} the database cannot be read: {exc.what}",
        )
    if walk.last.seq:
        await asyncio.to_thread(keep_anchor, ledger.home, ledger.where, walk.last)
    return ChainReport(entries=walk.last.seq, head=walk.last, signed_by=signer, vouched=walk.vouched.last)


_DAMAGE = ("malformed", "not a database", "no such", "could not decode", "corrupt", "does not exist", "invalid")


def _is_damage(exc: LedgerError) -> bool:
    return any(word in exc.what.lower() for word in _DAMAGE)


class _Walk:
    def __init__(self, ledger: Journal, first: str | None, notes: Iterable[Note]) -> None:
        self.last = Head(seq=0, hash=GENESIS)
        self.ring = Ring()
        self.vouched = Vouched(notes)
        self._ledger = ledger
        self._first = first
        self._anchor = anchor(ledger.home, ledger.where)

    async def run(self, connection: AsyncConnection) -> str | None:
        if self._ledger.dialect == "sqlite":
            await self._file(connection)
        async for row in self._rows(connection):
            self._entry(row)
        signer = await self._end(connection)
        if difference := await first_difference(connection):
            raise _Fault(difference)
        return signer

    async def _file(self, connection: AsyncConnection) -> None:
        said = (await connection.execute(text("PRAGMA integrity_check(1)"))).scalar_one()
        if said != "ok":
            entry = await self._first_bad_entry(connection)
            raise entry or _Fault(f"the database file is damaged: {' '.join(str(said).split())}")

    async def _first_bad_entry(self, connection: AsyncConnection) -> _Fault | None:
        """Of a damaged file, the entry says more than the page, if the damage can be read as one."""
        try:
            async for row in self._rows(connection):
                self._entry(row)
        except _Fault as found:
            return found
        except Exception:  # the damage is told in the file's own terms then
            return None
        return None

    async def _rows(self, connection: AsyncConnection) -> AsyncIterator[dict[str, Any]]:
        """As bytes on SQLite: a changed byte may not be text any more, and must be named nevertheless."""
        raw = self._ledger.dialect == "sqlite"
        stored = [t.entries.c[name] for name in FIELDS]
        columns = [cast(c, LargeBinary).label(c.name) if raw and c.name != "seq" else c for c in stored]
        query = select(*columns).order_by(t.entries.c.seq).execution_options(yield_per=PAGE)
        async for row in await connection.stream(query):
            yield {name: _text(row.seq, name, value) for name, value in row._mapping.items()}

    def _entry(self, row: dict[str, Any]) -> None:
        if found := fault(row, self.last.seq, self.last.hash):
            raise _Fault(found, row["seq"])
        if row["kind"] == KIND and (found := self.ring.fault(row)):
            raise _Fault(found, row["seq"])
        self.vouched.meet(row["seq"], row["hash"])
        self.last = Head(seq=row["seq"], hash=row["hash"])
        if self._anchor and self._anchor.seq == row["seq"] and self._anchor.hash != row["hash"]:
            raise _Fault("this home has seen another entry here: the chain was written anew", row["seq"])

    async def _end(self, connection: AsyncConnection) -> str | None:
        row = (await connection.execute(select(t.head))).mappings().first()
        if row is None:
            raise _Fault("the head of the chain is missing")
        if (row["seq"], row["hash"]) != (self.last.seq, self.last.hash):
            raise _Fault(
                f"the chain ends with entry {self.last.seq}, its signed head is entry {row['seq']}: "
                "the end is missing or was changed"
            )
        if self._anchor and self._anchor.seq > self.last.seq:
            raise _Fault(
                f"the chain ends with entry {self.last.seq}, "
                f"this home has seen entry {self._anchor.seq}: the end is missing"
            )
        self._elsewhere()
        return self._signer(row["key_id"], row["signature"]) if self.last.seq else None

    def _elsewhere(self) -> None:
        """What is known of this chain outside of the ledger's machine."""
        first = next(iter(self.ring.keys), "no key")
        if self._first not in (None, first):
            raise _Fault(
                f"the chain begins with {first}, not with the key that you gave: it is another ledger, or the "
                "whole chain was written anew"
            )
        if found := self.vouched.fault(self.last.seq, self.ring.keys.values()):
            raise _Fault(*found)

    def _signer(self, key_id: str, signature: str) -> str:
        if (public := self.ring.keys.get(key_id)) is None:
            raise _Fault(f"the head is signed with {key_id}, which never joined this ledger")
        own = LedgerKey.existing(self._ledger.home)
        if own is not None and own.key_id not in self.ring.keys:
            raise _Fault(
                f"the key of this RETRUST_HOME, {own.key_id}, is none of this chain's: it never joined, or "
                "the whole chain was written anew with another key"
            )
        first = next(iter(self.ring.keys))
        roots = {self._first} if self._first else {first, own.key_id if own else first}
        if key_id not in self.ring.vouched(*roots):
            raise _Fault(
                f"the head is signed with {key_id}, which joined as older versions let keys in, and no key "
                "that is known here vouches for it: `retrust audit join KEY` where one is"
            )
        try:
            is_signed = signed_by(public, bytes.fromhex(signature), head_message(self.last.seq, self.last.hash))
        except ValueError:
            is_signed = False
        if not is_signed:
            raise _Fault("the head's signature is not of the key that it names")
        return key_id


def _text(seq: int, name: str, value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise _Fault(f"its {name} is not text any more", seq) from exc
