"""The chain: how an entry is appended, and how entries are read again.

Everything that the ledger learns goes through ``Writing.append``: the entry, its hash and the derived
tables in one transaction, the signed head with its commit; then witnesses have the head as a signed note, and
observers hear of the entries. The books (cases, sightings, …) stand on this.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Select, TextClause, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from retrust.ledger import tables as t
from retrust.ledger.anchors import anchor, keep_anchor
from retrust.ledger.canonical import Redact
from retrust.ledger.database import Database, ledger_url
from retrust.ledger.derive import RULES
from retrust.ledger.entries import AlarmRaised, Body
from retrust.ledger.entry import Entry, kind_of
from retrust.ledger.errors import LedgerError
from retrust.ledger.joining import admitted, let_in
from retrust.ledger.keys import LedgerKey
from retrust.ledger.notes import signed_note
from retrust.ledger.queries import made
from retrust.ledger.records import Head
from retrust.ledger.schema import bring_up_to_date
from retrust.ledger.turns import Turns
from retrust.ledger.undisturbed import undisturbed
from retrust.ledger.writing import Row, Writing

log = logging.getLogger(__name__)

Observe = Callable[[Entry], Awaitable[None]]
Witness = Callable[[str], Awaitable[None]]
Clock = Callable[[], datetime]
PAGE = 500
OBSERVER_LIMIT = 10.0
"""Seconds: one that hangs must not hang whoever writes."""

# Made once: putting a statement together takes SQLAlchemy longer than SQLite takes to execute it.
READ_HEAD = select(t.head).with_for_update()


def as_it_is(value: str) -> str:
    return value


class Journal:
    """An open ledger's chain. After a commit ``observers`` get its entries, and ``witnesses`` get the head."""

    def __init__(self, database: Database, home: Path, *, redact: Redact, clock: Clock | None) -> None:
        self.home = home
        self.observers: list[Observe] = []
        self.witnesses: list[Witness] = []
        self._database = database
        self._redact = redact
        self._clock = clock
        self._key: LedgerKey | None = None
        self._joined = False
        self._deaf: set[int] = set()
        self._first_key: str | None = None
        self._turns = Turns(self._transaction, self._kept)

    @classmethod
    async def _open(cls, url: str | None, home: Path, patience: float) -> Database:
        try:
            await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
        except OSError as exc:
            raise LedgerError(
                f"RETRUST_HOME cannot be made: {exc.strerror}",
                where=str(home),
                hint="name a folder that you may write as RETRUST_HOME",
            ) from exc
        database = Database(ledger_url(url, home), patience=patience)
        try:
            await bring_up_to_date(database)
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def where(self) -> str:
        """The database's address, without a password."""
        return self._database.where

    @property
    def dialect(self) -> str:
        return self._database.dialect

    def still(self) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """One unmoving view of the whole ledger, for ``retrust.audit``."""
        return self._database.still()

    def signing_key(self) -> LedgerKey:
        self._key = self._key or LedgerKey.of(self.home)
        return self._key

    @undisturbed
    async def close(self) -> None:
        await self._database.close()

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Writing]:
        """A transaction of the chain: all of it or nothing; observers hear of it when it is kept.

        To be used in what is ``undisturbed``.
        """
        async with self._turns.turn() as writing:
            with self._database.translated():
                yield writing
            mine = writing.of_this_turn
        await self._tell(mine)

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Writing]:
        key = self.signing_key()
        async with self._database.writing() as connection:
            writing = await self._begin(connection, key)
            if not self._joined:
                await self._expect_same_chain(writing)
                await admitted(writing, key, self.where)
            yield writing
            if writing.entries:
                await writing.seal()
        self._joined = True

    async def _kept(self, writing: Writing) -> None:
        if writing.entries:
            await asyncio.to_thread(keep_anchor, self.home, self.where, writing.head)
            await self._witness(writing.head, self.signing_key())

    async def _expect_same_chain(self, writing: Writing) -> None:
        """Nothing is written on top of a chain that is not the one that this home has seen."""
        if (seen := anchor(self.home, self.where)) is None:
            return
        row = await writing.row(select(t.entries.c.hash).where(t.entries.c.seq == seen.seq))
        if row is not None and row["hash"] != seen.hash:
            raise LedgerError(
                f"this home has seen another entry {seen.seq}: the ledger was written anew, and nothing "
                "is written on top of it",
                where=self.where,
                hint="`retrust audit verify` says more; keep the ledger as it is, and find out who did",
            )

    async def _begin(self, connection: AsyncConnection, key: LedgerKey) -> Writing:
        row = (await connection.execute(READ_HEAD)).mappings().one()
        head = Head(seq=row["seq"], hash=row["hash"])
        writing = Writing(connection, self._database.dialect, head, self._now, self._redact, key)
        await writing.look_at_the_clock()
        return writing

    async def _now(self, connection: AsyncConnection) -> datetime:
        """The injected clock's time, else the server's: workers' own clocks do not have to agree."""
        if self._clock is not None:
            return self._clock()
        if self._database.dialect == "postgresql":
            now: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
            return now.astimezone(UTC)
        return datetime.now(UTC)

    async def _witness(self, head: Head, key: LedgerKey) -> None:
        """One that fails is said once, in an alarm, too, until it works again; its next note covers what it missed."""
        if not self.witnesses:
            return
        if self._first_key is None:
            self._first_key = (await self._rows(select(t.keys.c.key_id).order_by(t.keys.c.seq).limit(1)))[0]["key_id"]
        note = signed_note(self._first_key, head, key)
        for witness in list(self.witnesses):
            try:
                async with asyncio.timeout(OBSERVER_LIMIT):
                    await witness(note)
            except Exception as exc:  # somebody else's code or disk: the entries are kept already
                await self._unwitnessed(witness, head, exc)
            else:
                self._deaf.discard(id(witness))

    async def _unwitnessed(self, witness: Witness, head: Head, exc: Exception) -> None:
        if id(witness) in self._deaf:
            return
        self._deaf.add(id(witness))
        said = (
            f"the witness {_called(witness)} did not take the head at entry {head.seq}: "
            f"{str(exc) or 'it does not answer'}"
        )
        log.warning("%s", self._redact(said))
        with contextlib.suppress(LedgerError):  # the warning has said it
            async with self.write() as writing:
                await writing.append(AlarmRaised(what="unwitnessed", detail=said), actor="service")

    async def _tell(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            for observe in list(self.observers):
                try:
                    async with asyncio.timeout(OBSERVER_LIMIT):
                        await observe(entry)
                except Exception as exc:  # an observer is somebody else's code, and the entry is kept already
                    self._complain(observe, entry, exc)

    def _complain(self, observe: Observe, entry: Entry, exc: Exception) -> None:
        if id(observe) not in self._deaf:
            self._deaf.add(id(observe))
            log.warning(
                "the observer %s failed at entry %d (%s); its further failures are not told: %s",
                _called(observe),
                entry.seq,
                entry.kind,
                self._redact(f"{type(exc).__name__}: {exc}"),
            )

    @undisturbed
    async def join(self, public_hex: str, *, actor: str) -> bool:
        """Let another home's key sign the chain, too; False where it may already."""
        async with self.write() as writing:
            return await let_in(writing, self.signing_key(), public_hex, actor=actor)

    @undisturbed
    async def append(
        self, body: Body, *, actor: str, case: str | None = None, site: str | None = None, run: str | None = None
    ) -> Entry:
        """An entry of a kind that nothing is derived from; the others have methods, with rules."""
        if type(body) in RULES:
            raise ValueError(f"entries of kind {kind_of(body)!r} are written by the method that keeps their rules")
        async with self.write() as writing:
            return await writing.append(body, actor=actor, run=run, case=case, site=site)

    async def head(self) -> Head:
        row = (await self._rows(select(t.head.c.seq, t.head.c.hash)))[0]
        return made(Head, row)

    async def entries(
        self,
        *,
        after: int = 0,
        case: str | None = None,
        site: str | None = None,
        kinds: Iterable[str] | None = None,
        limit: int = PAGE,
    ) -> list[Entry]:
        """The entries that follow ``after``, in order, at most ``limit``."""
        query = select(t.entries).where(t.entries.c.seq > after).order_by(t.entries.c.seq).limit(limit)
        query = narrowed(query, (t.entries.c.case_id, case), (t.entries.c.site, site))
        if kinds is not None:
            query = query.where(t.entries.c.kind.in_(list(kinds)))
        return [entry_of(row) for row in await self._rows(query)]

    async def entries_before(
        self,
        before: int | None = None,
        *,
        case: str | None = None,
        actors: Iterable[str] | None = None,
        kinds: Iterable[str] | None = None,
        limit: int = PAGE,
    ) -> list[Entry]:
        """The newest first, before that number: of a case, by one of these actors, of these kinds."""
        have = t.entries.c
        query = narrowed(select(t.entries).order_by(have.seq.desc()).limit(limit), (have.case_id, case))
        query = query if before is None else query.where(have.seq < before)
        for column, values in ((have.actor, actors), (have.kind, kinds)):
            query = query if values is None else query.where(column.in_(list(values)))
        return [entry_of(row) for row in await self._rows(query)]

    async def entries_of(self, cases: Iterable[str], kinds: Iterable[str]) -> list[Entry]:
        """The entries of these kinds of many cases at once, in order."""
        have = t.entries.c
        query = select(t.entries).where(have.case_id.in_(list(cases)), have.kind.in_(list(kinds)))
        return [entry_of(row) for row in await self._rows(query.order_by(have.seq))]

    async def newest(self, kinds: Iterable[str]) -> dict[str, Entry]:
        """By site: the newest entry of these kinds."""
        last = select(func.max(t.entries.c.seq)).where(t.entries.c.kind.in_(list(kinds))).group_by(t.entries.c.site)
        found = [entry_of(row) for row in await self._rows(select(t.entries).where(t.entries.c.seq.in_(last)))]
        return {entry.site: entry for entry in found if entry.site is not None}

    async def walk(self, *, after: int = 0, case: str | None = None, site: str | None = None) -> AsyncIterator[Entry]:
        """All entries that follow ``after``, page by page, so that a big ledger needs no big memory."""
        while page := await self.entries(after=after, case=case, site=site):
            for entry in page:
                yield entry
            after = page[-1].seq

    async def entry(self, seq: int) -> Entry | None:
        rows = await self._rows(select(t.entries).where(t.entries.c.seq == seq))
        return entry_of(rows[0]) if rows else None

    @undisturbed
    async def _rows(self, query: Select[Any] | TextClause, **values: Any) -> list[Row]:
        async with self._database.reading() as connection:
            return [dict(row) for row in (await connection.execute(query, values)).mappings()]


def _called(code: Callable[..., object]) -> str:
    """Whose it is, by module and name, as a plugin's author knows it."""
    named: Any = code if hasattr(code, "__qualname__") else type(code)
    return f"{named.__module__}:{named.__qualname__}"


def narrowed(query: Select[Any], *asked: tuple[Column[Any], Any]) -> Select[Any]:
    """``query`` for the rows with these values; None asks for none."""
    return query.where(*(column == value for column, value in asked if value is not None))


def entry_of(row: Row) -> Entry:
    return made(Entry, row, text=row["body"])
