"""Leases with fencing tokens: one run writes to a site at a time, on any worker.

The token is the number of the entry that took the lease, so a later one is always higher. A run checks
its lease immediately before each send; whatever it records is refused inside the transaction once
another run has taken the site over. A takeover says whose lease it took (``predecessor``), so that the
new run can wait out what the old one may still have under way, and then observe.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy import select, update

from retrust.ledger import tables as t
from retrust.ledger.canonical import written_time
from retrust.ledger.entries import LeaseReleased, LeaseTaken, StepRecorded
from retrust.ledger.entry import Entry
from retrust.ledger.errors import LeaseLost, LedgerError, SiteLeased, StillSending
from retrust.ledger.journal import PAGE, Journal, entry_of
from retrust.ledger.process import Process, is_gone, this_process
from retrust.ledger.queries import made
from retrust.ledger.records import LeaseOwner
from retrust.ledger.undisturbed import undisturbed
from retrust.ledger.writing import Row, Writing

log = logging.getLogger(__name__)

Beat = Callable[[float], Awaitable[None]]
LONGEST = timedelta(minutes=5)
"""No lease is given for longer at once, and no send takes longer; what it sets off may."""


class Lease:
    """A held lease. ``check`` before each send; ``renew`` is done in the background while it is held."""

    def __init__(self, book: Leases, site: str, holder: LeaseOwner, ttl: float, predecessor: LeaseOwner | None) -> None:
        self.site = site
        self.token = holder.token
        self.owner = holder.owner
        self.run = holder.run
        self.since = holder.since
        self.predecessor = predecessor
        self._book = book
        self._ttl = ttl

    async def check(self) -> None:
        """Returns while the site is this run's; LeaseLost when it is not any more."""
        await self._book._check(self)

    async def renew(self) -> None:
        """Count the lease's time from now again."""
        await self._book._renew(self, self._ttl)


class Leases(Journal):
    _left: frozenset[int] = frozenset()
    """Tokens of leases that this process could not give back: it, if nobody else, knows that they are over."""

    @contextlib.asynccontextmanager
    async def lease(
        self, site: str, *, owner: str, what: str, ttl: float = 60.0, run: str | None = None, beat: Beat = asyncio.sleep
    ) -> AsyncIterator[Lease]:
        """Hold the site's lease for the block; SiteLeased says who has it. ``ttl``: seconds, at most LONGEST."""
        if timedelta(seconds=ttl) > LONGEST:
            raise ValueError(f"no lease lasts longer than {LONGEST}")
        lease = await self._take_or_leave(site, owner, what, ttl, run)
        renewing = asyncio.create_task(self._keep(lease, ttl / 3, beat), name=f"lease of {site}")
        try:
            yield lease
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
            await self._release(lease)

    async def holder(self, site: str) -> LeaseOwner | None:
        """Who holds the site, by the record; None when nobody does."""
        rows = await self._rows(select(t.leases).where(t.leases.c.site == site))
        return holder_of(rows[0]) if rows else None

    @undisturbed
    async def is_free(self, site: str) -> bool:
        """Whether a run could take the site now: nobody has it, or who had it is gone, or it ran out."""
        async with self._database.reading() as connection:
            query = select(t.leases).where(t.leases.c.site == site)
            row = (await connection.execute(query)).mappings().first()
            now = await self._now(connection)
            return row is None or self._is_over(dict(row), now)

    async def _take_or_leave(self, site: str, owner: str, what: str, ttl: float, run: str | None) -> Lease:
        """Who is cancelled while the lease is taken gives it back: nobody else knows of it."""
        taken: list[Lease] = []
        try:
            await self._take(taken, site, owner, what, ttl, run)
        except asyncio.CancelledError:
            for lease in taken:
                await self._release(lease)
            raise
        return taken[0]

    @undisturbed
    async def _take(self, taken: list[Lease], site: str, owner: str, what: str, ttl: float, run: str | None) -> None:
        async with self.write() as writing:
            row = await _row(writing, site)
            before = holder_of(row) if row else None
            if row and before and not self._is_over(row, writing.now):
                raise SiteLeased(site, before)
            told = LeaseTaken(what=what, ttl=ttl, place=this_process(), took_over=before)
            await writing.append(told, actor=owner, run=run, site=site)
            row = await _row(writing, site)
            assert row is not None
        taken.append(Lease(self, site, holder_of(row), ttl, before))

    async def _keep(self, lease: Lease, every: float, beat: Beat) -> None:
        while True:
            await beat(every)
            try:
                await lease.renew()
            except LeaseLost:
                return  # the next check says so, where it matters
            except LedgerError as exc:
                log.warning("the lease of site %s could not be renewed, trying again: %s", lease.site, exc)

    @undisturbed
    async def _check(self, lease: Lease) -> None:
        async with self._database.reading() as connection:
            query = select(t.leases).where(t.leases.c.site == lease.site)
            row = (await connection.execute(query)).mappings().first()
            _held(lease, dict(row) if row else None, written_time(await self._now(connection)))

    @undisturbed
    async def _renew(self, lease: Lease, ttl: float) -> None:
        """No entry: this happens every few seconds and tells nothing."""
        async with self._database.writing() as connection:
            now = await self._now(connection)
            mine = t.leases.c.site == lease.site, t.leases.c.token == lease.token
            row = (await connection.execute(select(t.leases).where(*mine))).mappings().first()
            _held(lease, dict(row) if row else None, written_time(now))
            await connection.execute(
                update(t.leases).where(*mine).values(expires_at=written_time(now + timedelta(seconds=ttl)))
            )

    @undisturbed
    async def _release(self, lease: Lease) -> None:
        try:
            async with self.write() as writing:
                row = await _row(writing, lease.site)
                if row and row["token"] == lease.token:
                    await writing.append(
                        LeaseReleased(token=lease.token), actor=lease.owner, run=lease.run, site=lease.site
                    )
        except LedgerError as exc:
            self._left |= {lease.token}
            log.warning("the lease of site %s was not given back, it runs out by itself: %s", lease.site, exc)

    def _is_over(self, row: Row, now: datetime) -> bool:
        return row["token"] in self._left or _ran_out(row["expires_at"], now) or _died(row)


async def sole(writing: Writing, lease: Lease) -> None:
    """Refuse a writer while a send may be under way that another run began and never ended.

    A run that gave its lease back sends nothing more, nor does one whose process is gone.
    """
    newest = (
        select(t.entries)
        .where(t.entries.c.site == lease.site, t.entries.c.kind.in_(["step", "lease-released"]))
        .order_by(t.entries.c.seq.desc())
        .limit(PAGE)
    )
    begun: dict[int, Entry] = {}
    for entry in map(entry_of, reversed(await writing.rows(newest))):
        body = entry.body
        if isinstance(body, StepRecorded) and body.phase == "started":
            begun[body.token] = entry
        elif isinstance(body, StepRecorded | LeaseReleased):
            begun.pop(body.token, None)
    for token, entry in begun.items():
        over = abs(writing.now - entry.at) >= LONGEST or await _is_gone(writing, token)  # a clock may be set back
        if token != lease.token and not over and isinstance(entry.body, StepRecorded):
            raise StillSending(lease.site, entry.body.step, entry.at + LONGEST)


async def _is_gone(writing: Writing, token: int) -> bool:
    """Whether the process that took that lease is dead; the token is the number of the entry that tells of it."""
    row = await writing.row(select(t.entries).where(t.entries.c.seq == token))
    body = entry_of(row).body if row else None
    return isinstance(body, LeaseTaken) and is_gone(body.place)


async def fence(writing: Writing, lease: Lease | None, *, must_run: bool = False) -> None:
    """Refuse a writer whose lease was taken over; ``must_run``: also one whose lease ran out."""
    if lease is not None:
        row = await _row(writing, lease.site)
        _held(lease, row, written_time(writing.now) if must_run else "")


def _held(lease: Lease, row: Row | None, now: str) -> None:
    if row is None:
        raise LeaseLost(lease.site, lease.token, "it was given back")
    if row["token"] != lease.token:
        raise LeaseLost(
            lease.site, lease.token, f"{row['owner']} took the site over at {row['since']} (token {row['token']})"
        )
    if row["expires_at"] <= now:
        raise LeaseLost(lease.site, lease.token, f"it ran out at {row['expires_at']}")


def _ran_out(expires_at: str, now: datetime) -> bool:
    """Also where it would last longer than any lease does: it was counted before the clock was set back.

    Whoever lives counts it anew within seconds; should it be taken from them before that, the next check tells them.
    """
    return not written_time(now) < expires_at <= written_time(now + LONGEST)


async def _row(writing: Writing, site: str) -> Row | None:
    return await writing.row(select(t.leases).where(t.leases.c.site == site))


def _died(row: Row) -> bool:
    return is_gone(Process.model_validate_json(row["place"]))


def holder_of(row: Row) -> LeaseOwner:
    return made(LeaseOwner, row, place=str(Process.model_validate_json(row["place"])))
