"""The book of cases: opening, moving by the table of ``states``, decisions, alarms, attachments."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from retrust.errors import PermanentError, UsageError
from retrust.ledger import tables as t
from retrust.ledger.entries import AlarmRaised, Attached, CaseMoved, CaseOpened, Decided, DigestSpent, Reminded
from retrust.ledger.entry import Entry, read
from retrust.ledger.errors import DecisionRefused, DigestUsed, NoSuchCase, NotCurrent
from retrust.ledger.journal import Journal, entry_of, narrowed
from retrust.ledger.leases import Lease, fence
from retrust.ledger.queries import made
from retrust.ledger.records import Alarm, Case, DigestUse, case_name
from retrust.ledger.undisturbed import undisturbed
from retrust.ledger.writing import Row, Writing
from retrust.models import DELETE_PIN, Decision, GateState, edge_of
from retrust.states import FINAL, OPEN_STATES, Event, State, event_named, next_state


class Cases(Journal):
    @undisturbed
    async def open_case(self, site: str, *, cause: str, actor: str, run: str | None = None) -> Case:
        """The site's open case; a new one, which takes up the site's loose sightings, where there is none."""
        async with self.write() as writing:
            row = await open_row(writing, site)
            if row is None:
                case = await _next_name(writing, site)
                await writing.append(CaseOpened(cause=cause), actor=actor, run=run, case=case, site=site)
                row = await open_row(writing, site)
            assert row is not None
            return case_of(row)

    async def case(self, case: str) -> Case:
        rows = await self._rows(select(t.cases).where(t.cases.c.id == case))
        if not rows:
            newest = await self._rows(select(t.cases.c.id).order_by(t.cases.c.seq.desc()).limit(1000))
            raise NoSuchCase(case, [row["id"] for row in newest])
        return case_of(rows[0])

    async def cases(
        self,
        *,
        site: str | None = None,
        states: Iterable[State | str] | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> list[Case]:
        """The newest first; ``before`` is the id of the last one of the page before."""
        query = select(t.cases).order_by(t.cases.c.seq.desc()).limit(limit)
        query = narrowed(query, (t.cases.c.site, site))
        if states is not None:
            query = query.where(t.cases.c.state.in_([str(state) for state in states]))
        if before is not None:
            query = query.where(t.cases.c.seq < select(t.cases.c.seq).where(t.cases.c.id == before).scalar_subquery())
        return [case_of(row) for row in await self._rows(query)]

    async def open_case_of(self, site: str) -> Case | None:
        found = await self.cases(site=site, states=OPEN_STATES, limit=1)
        return found[0] if found else None

    @undisturbed
    async def move(
        self,
        case: str,
        event: Event | State | str,
        *,
        actor: str,
        run: str | None = None,
        note: str = "",
        why: str = "",
        retry: bool = True,
        gates: Sequence[GateState] | None = None,
        lease: Lease | None = None,
    ) -> Case:
        """Move a case by the table; ``event`` may also be the state that it leads to. The rest: see ``CaseMoved``."""
        named = event_named(event)
        async with self.write() as writing:
            await fence(writing, lease)
            return await moved(
                writing,
                await case_row(writing, case),
                named,
                actor=actor,
                run=run,
                note=note,
                why=why,
                retry=retry,
                gates=None if gates is None else tuple(gates),
            )

    @undisturbed
    async def decide(self, decision: Decision, *, run: str | None = None) -> Entry:
        """Keep a decision on the current plan, unless it is a second one. Who may decide, the gates say."""
        async with self.write() as writing:
            row = await current_row(writing, decision.case, decision.digest)
            if State(row["state"]) in FINAL:
                raise DecisionRefused(decision.case, "final", f"the case is {row['state']}")
            if await use_of(writing, decision.digest):
                raise DecisionRefused(decision.case, "used", "the plan's digest has been used already")
            if await self._has_decided(writing, decision):
                raise DecisionRefused(
                    decision.case,
                    "twice",
                    f"{decision.actor} has decided this plan at the gate {decision.gate} already",
                )
            return await writing.append(
                Decided.model_validate(decision.model_dump()),
                actor=decision.actor,
                run=run,
                case=decision.case,
                site=row["site"],
            )

    async def _has_decided(self, writing: Writing, decision: Decision) -> bool:
        have = t.decisions.c
        same = select(have.seq).where(
            have.case_id == decision.case,
            have.digest == decision.digest,
            have.gate == decision.gate,
            have.actor == decision.actor,
        )
        return await writing.row(same) is not None

    async def decisions(self, case: str, digest: str | None = None) -> list[Decision]:
        """In the order in which they came; of one digest, or of all that the case ever had."""
        query = (
            select(t.entries)
            .join(t.decisions, t.decisions.c.seq == t.entries.c.seq)
            .where(t.decisions.c.case_id == case)
            .order_by(t.entries.c.seq)
        )
        rows = await self._rows(narrowed(query, (t.decisions.c.digest, digest)))
        bodies = [entry_of(row).body for row in rows]
        return [body.decision for body in bodies if isinstance(body, Decided)]

    @undisturbed
    async def use_digest(
        self, case: str, digest: str, *, actor: str, run: str | None = None, lease: Lease | None = None
    ) -> Entry:
        """Use the current plan's digest: once, by one case. A pass that goes on asks ``digest_use`` first."""
        async with self.write() as writing:
            await fence(writing, lease)
            row = await current_row(writing, case, digest)
            if State(row["state"]) in FINAL:
                raise PermanentError(f"the case is {row['state']}", where=f"case {case}")
            if used := await use_of(writing, digest):
                raise DigestUsed(digest, case, used["case_id"])
            return await writing.append(DigestSpent(digest=digest), actor=actor, run=run, case=case, site=row["site"])

    async def digest_use(self, digest: str) -> DigestUse | None:
        rows = await self._rows(select(t.digests).where(t.digests.c.digest == digest))
        return made(DigestUse, rows[0]) if rows else None

    async def last_digest(self, site: str) -> str | None:
        """The digest that the site's runs used last, in any case; a new plan follows it."""
        query = (
            select(t.digests.c.digest)
            .join(t.cases, t.cases.c.id == t.digests.c.case_id)
            .where(t.cases.c.site == site)
            .order_by(t.digests.c.seq.desc())
            .limit(1)
        )
        rows = await self._rows(query)
        return str(rows[0]["digest"]) if rows else None

    @undisturbed
    async def alarm(
        self,
        what: str,
        detail: str,
        *,
        actor: str,
        site: str | None = None,
        case: str | None = None,
        run: str | None = None,
    ) -> Entry:
        async with self.write() as writing:
            return await writing.append(
                AlarmRaised(what=what, detail=detail), actor=actor, run=run, case=case, site=site
            )

    @undisturbed
    async def remind(self, case: str, ends: datetime, gates: Sequence[str], *, actor: str) -> bool:
        """Keep that people are reminded before a waiting case ends; False where they were already."""
        async with self.write() as writing:
            row = await case_row(writing, case)
            said, kept = Reminded(ends=ends, gates=tuple(gates)), t.entries.c
            query = select(kept.body).where(kept.kind == "reminded", kept.case_id == case).order_by(kept.seq.desc())
            last = await writing.row(query.limit(1))
            if row["state"] != State.WAITING or (last and read("reminded", last["body"]) == said):
                return False
            await writing.append(said, actor=actor, case=case, site=row["site"])
            return True

    async def alarms(self, *, site: str | None = None, case: str | None = None, limit: int = 100) -> list[Alarm]:
        """The newest first."""
        query = select(t.alarms).order_by(t.alarms.c.seq.desc()).limit(limit)
        query = narrowed(query, (t.alarms.c.site, site), (t.alarms.c.case_id, case))
        return [made(Alarm, row) for row in await self._rows(query)]

    @undisturbed
    async def attach(self, case: str, name: str, path: Path, *, actor: str, run: str | None = None) -> Entry:
        """Register a redacted file under the home (a transcript, a screenshot) as evidence."""
        if not is_plain(name):
            raise UsageError(f"{name!r} is no plain relative name for an attachment")
        told = await asyncio.to_thread(_described, name, path, self.home)
        async with self.write() as writing:
            row = await case_row(writing, case)
            return await writing.append(told, actor=actor, run=run, case=case, site=row["site"])

    async def attachments(self, case: str) -> list[Attached]:
        """The files of a case, by name, each as it was registered last; ``audit`` reads them."""
        query = select(t.attachments).where(t.attachments.c.case_id == case).order_by(t.attachments.c.name)
        return [made(Attached, row) for row in await self._rows(query)]


def is_plain(name: str) -> bool:
    """A relative path that stays where it is unpacked, on any system."""
    parts = name.split("/")
    return not set(parts) & {"", ".", ".."} and not any(c in name for c in '\\:*?"<>|\n\r\t') and name.isprintable()


def _described(name: str, path: Path, home: Path) -> Attached:
    inside = path.resolve().relative_to(home.resolve()).as_posix()
    return Attached(name=name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), path=inside)


async def open_row(writing: Writing, site: str) -> Row | None:
    return await writing.row(select(t.cases).where(t.cases.c.site == site, t.cases.c.state.in_(OPEN_STATES)))


async def _next_name(writing: Writing, site: str) -> str:
    """Cases are counted by site; the number goes on where another site's name gives the same word."""
    earlier = await writing.row(select(func.count().label("cases")).where(t.cases.c.site == site))
    number = earlier["cases"] + 1 if earlier else 1
    while await writing.row(select(t.cases.c.seq).where(t.cases.c.id == case_name(site, number))):
        number += 1
    return case_name(site, number)


async def moved(
    writing: Writing, row: Row, event: Event, *, actor: str, run: str | None = None, note: str = "", **more: Any
) -> Case:
    """Move the case of this row in a transaction that has begun; ``more`` are fields of ``CaseMoved``."""
    case, was = row["id"], State(row["state"])
    state = next_state(was, event, case=case)
    healed = sorted(await deleted(writing, case)) if state is State.HEALED else ()
    told = CaseMoved(event=event, was=was, state=state, note=note, healed=tuple(healed), **more)
    await writing.append(told, actor=actor, run=run, case=case, site=row["site"])
    return case_of(await case_row(writing, case))


async def case_row(writing: Writing, case: str) -> Row:
    row = await writing.row(select(t.cases).where(t.cases.c.id == case))
    if row is None:
        raise NoSuchCase(case)
    return row


async def current_row(writing: Writing, case: str, digest: str) -> Row:
    """The case's row, if the digest is of its current plan."""
    row = await case_row(writing, case)
    if row["digest"] != digest:
        raise NotCurrent(case, digest, row["digest"])
    return row


async def use_of(writing: Writing, digest: str) -> Row | None:
    return await writing.row(select(t.digests).where(t.digests.c.digest == digest))


async def deleted(writing: Writing, case: str) -> set[str]:
    return {edge_of(row["holder"], row["argument"]) for row in await writing.rows(deletes_of(case))}


def deletes_of(case: str) -> Any:
    """The pins whose delete was sent in a case, or was about to be when the run died, whatever became of it."""
    return (
        select(t.steps.c.holder, t.steps.c.argument)
        .distinct()
        .where(
            t.steps.c.case_id == case,
            t.steps.c.kind == DELETE_PIN,
            t.steps.c.phase.in_(["started", "sent", "done", "undecided"]),
        )
    )


def case_of(row: Row) -> Case:
    return made(Case, row, first_entry=row["seq"], planners=tuple(json.loads(row["planners"])))
