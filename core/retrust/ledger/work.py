"""The book of work: snapshots, plans, and what was recorded of each step."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import and_, select, text

from retrust.errors import UsageError
from retrust.ledger import queries
from retrust.ledger import tables as t
from retrust.ledger.cases import Cases, case_of, case_row, deletes_of, use_of
from retrust.ledger.entries import Looked, Planned, SnapshotTaken, StepRecorded
from retrust.ledger.entry import Entry
from retrust.ledger.errors import NotCurrent, Stopped
from retrust.ledger.journal import entry_of, narrowed
from retrust.ledger.leases import Lease, fence, sole
from retrust.ledger.records import Case, Moment, Phase, SnapshotRecord, StepRecord, TimeTaken
from retrust.ledger.undisturbed import undisturbed
from retrust.ledger.writing import Row, Writing
from retrust.models import Plan, Snapshot, Step, edge_of
from retrust.states import Event, State, next_state

_PLANS = select(t.entries).join(t.plans, t.plans.c.seq == t.entries.c.seq)
_SAME_PLAN_STANDS = (State.PLANNED, State.WAITING, State.APPROVED)


class Work(Cases):
    @undisturbed
    async def record_snapshot(
        self, case: str, snapshot: Snapshot, *, when: Moment, actor: str, run: str | None = None
    ) -> Entry:
        async with self.write() as writing:
            row = await case_row(writing, case)
            told = SnapshotTaken(when=when, snapshot=snapshot)
            return await writing.append(told, actor=actor, run=run, case=case, site=row["site"])

    @undisturbed
    async def record_look(self, snapshot: Snapshot, *, actor: str) -> Entry:
        """What a check saw of a site, though no case is worked on."""
        async with self.write() as writing:
            return await writing.append(Looked(snapshot=snapshot), actor=actor, site=snapshot.site)

    async def last_look(self, site: str) -> Snapshot | None:
        rows = await self._rows(text(queries.LOOKED), site=site)
        return queries.looked(rows[0]) if rows else None

    async def snapshots(self, case: str) -> list[SnapshotRecord]:
        """Which snapshots a case has, in order; ``snapshot`` reads one."""
        query = select(t.snapshots).where(t.snapshots.c.case_id == case).order_by(t.snapshots.c.seq)
        return [queries.made(SnapshotRecord, row, when=row["moment"]) for row in await self._rows(query)]

    async def snapshot(self, seq: int) -> Snapshot:
        entry = await self.entry(seq)
        if entry is None or not isinstance(entry.body, SnapshotTaken):
            raise UsageError(f"entry {seq} is no snapshot")
        return entry.body.snapshot

    @undisturbed
    async def record_plan(
        self, case: str, plan: Plan, *, actor: str, run: str | None = None, lease: Lease | None = None
    ) -> Case:
        """Make ``plan`` the case's current one; the case is *planned* then.

        The same plan again changes nothing while it waits or is approved, so that its decisions stand;
        who wrote it anew joins its planners, so that nobody's plan is laundered by another's pass.
        """
        async with self.write() as writing:
            await fence(writing, lease)
            row = await case_row(writing, case)
            have, state = case_of(row), State(row["state"])
            stands = have.digest == plan.digest and state in _SAME_PLAN_STANDS
            planners = await self._planners(writing, case, plan.digest)
            if stands and actor in planners:
                return have
            following = state if stands else next_state(state, Event.PLAN, case=case)
            told = Planned(
                digest=plan.digest,
                planners=tuple(dict.fromkeys([*planners, actor])),
                was=state,
                state=following,
                plan=plan,
            )
            await writing.append(told, actor=actor, run=run, case=case, site=row["site"])
            return case_of(await case_row(writing, case))

    async def _planners(self, writing: Writing, case: str, digest: str) -> list[str]:
        row = await writing.row(select(t.plans.c.planners).where(t.plans.c.case_id == case, t.plans.c.digest == digest))
        planners: list[str] = json.loads(row["planners"]) if row else []
        return planners

    async def plan(self, digest: str, *, case: str | None = None) -> Plan | None:
        """The newest plan with that digest; of one case, where two cases came to the same."""
        query = narrowed(_PLANS, (t.plans.c.digest, digest), (t.plans.c.case_id, case))
        rows = await self._rows(query.order_by(t.entries.c.seq.desc()).limit(1))
        return plan_of(rows[0]) if rows else None

    @undisturbed
    async def record_step(
        self, case: str, digest: str, step: str, phase: Phase, detail: str = "", *, lease: Lease, actor: str
    ) -> StepRecord:
        """Record what became of a step. Only the lease's holder may; no step starts on an unused digest."""
        async with self.write() as writing:
            await fence(writing, lease, must_run=phase == "started")
            row = await case_row(writing, case)
            planned = await self._planned_step(writing, case, digest, step)
            used = await use_of(writing, digest)
            if phase in ("started", "sent") and (used is None or used["case_id"] != case):
                raise NotCurrent(case, digest, row["digest"])
            if phase == "started" and State(row["state"]) not in (State.EXECUTING, State.VERIFYING):
                raise Stopped(case, row["state"])
            if phase == "started":
                await sole(writing, lease)
            told = StepRecorded(
                digest=digest,
                step=step,
                kind=planned.kind,
                holder=planned.holder,
                argument=planned.argument,
                phase=phase,
                detail=detail,
                token=lease.token,
            )
            entry = await writing.append(told, actor=actor, run=lease.run, case=case, site=row["site"])
            return queries.made(StepRecord, entry.row | entry.stored)

    async def _planned_step(self, writing: Writing, case: str, digest: str, step: str) -> Step:
        row = await writing.row(_PLANS.where(t.plans.c.case_id == case, t.plans.c.digest == digest))
        found = [planned for planned in plan_of(row).steps if planned.id == step] if row else []
        if not found:
            raise UsageError(f"the plan {digest} has no step {step}", where=f"case {case}")
        return found[0]

    async def steps(self, case: str, digest: str | None = None) -> list[StepRecord]:
        """All that was recorded of a case's steps, in order."""
        query = select(t.steps).where(t.steps.c.case_id == case).order_by(t.steps.c.seq)
        rows = await self._rows(narrowed(query, (t.steps.c.digest, digest)))
        return [queries.made(StepRecord, row) for row in rows]

    async def times_taken(self, kinds: Iterable[str], limit: int = 500) -> list[TimeTaken]:
        """How long steps of these kinds took that were done, the newest first."""
        begun, done, case = t.steps.alias(), t.steps.alias(), t.cases
        same = done.c.case_id == begun.c.case_id, done.c.digest == begun.c.digest, done.c.step == begun.c.step
        query = (
            select(case.c.site, done.c.kind, done.c.argument, begun.c.at.label("begun_at"), done.c.at.label("done_at"))
            .join(begun, and_(*same, begun.c.phase == "started"))
            .join(case, case.c.id == done.c.case_id)
            .where(done.c.phase == "done", done.c.kind.in_(list(kinds)))
            .order_by(done.c.seq.desc())
            .limit(limit)
        )
        return [queries.made(TimeTaken, row) for row in await self._rows(query)]

    async def deleted_edges(self, case: str) -> set[str]:
        """``holder:key`` of the pins whose delete was sent in this case."""
        return {edge_of(row["holder"], row["argument"]) for row in await self._rows(deletes_of(case))}


def plan_of(row: Row) -> Plan:
    planned = entry_of(row).body
    assert isinstance(planned, Planned)
    return planned.plan
