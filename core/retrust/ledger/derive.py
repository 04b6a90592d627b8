"""From an entry to the statements that bring the derived tables up to it. Pure: nothing is read here.

Whatever a rule needs to know is in the entry's model, put there by the writer within the same
transaction. So a replay of the entries (``replay``) gives the same tables, and a difference is a fault.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

from sqlalchemy import Executable, case, delete, update

from retrust.ledger import entries as e
from retrust.ledger import tables as t
from retrust.ledger.canonical import canonical, written_time
from retrust.ledger.entries import KINDS, Body, Entry
from retrust.states import State

Insert = Any  # the dialects' inserts share ``on_conflict_do_update`` but no base class that declares it
Rule = Callable[[Entry, Any, Insert], Sequence[Executable]]


def statements(entry: Entry, dialect: str) -> Sequence[Executable]:
    """In the order in which they are to be executed; none for a kind that nothing is derived from."""
    row = KINDS.get(entry.kind)
    rule = RULES.get(row.model) if row else None
    return rule(entry, entry.body, _insert_of(dialect)) if rule else ()


@functools.cache
def _insert_of(dialect: str) -> Insert:
    """Imported when it is known which database it is: the other one's dialect takes a while."""
    return import_module(f"sqlalchemy.dialects.{dialect}").insert


def _put(insert: Insert, table: Any, **row: Any) -> Executable:
    """Insert, or replace the row with that primary key."""
    into = insert(table).values(**row)
    keys = [column.name for column in table.primary_key]
    rest = {name: into.excluded[name] for name in row if name not in keys}
    kept: Executable = into.on_conflict_do_update(index_elements=keys, set_=rest)
    return kept


def _key_joined(entry: Entry, body: e.KeyJoined, insert: Insert) -> Sequence[Executable]:
    return [
        _put(insert, t.keys, key_id=body.key_id, public_key=body.public_key, seq=entry.seq)
    ]


def _case_opened(entry: Entry, body: e.CaseOpened, insert: Insert) -> Sequence[Executable]:
    at = written_time(entry.at)
    opened = insert(t.cases).values(
        id=entry.case,
        seq=entry.seq,
        site=entry.site,
        state=State.OPEN.value,
        opened_at=at,
        updated_at=at,
        cause=body.cause,
        requested_by=entry.actor,
        planners="[]",
        note="",
    )
    taken_up = (
        update(t.sightings)
        .where(t.sightings.c.site == entry.site, t.sightings.c.case_id == "")
        .values(case_id=entry.case)
    )
    return [opened, taken_up]


def _case_moved(entry: Entry, body: e.CaseMoved, insert: Insert) -> Sequence[Executable]:
    at = written_time(entry.at)
    moved = (
        update(t.cases)
        .where(t.cases.c.id == entry.case)
        .values(state=body.state.value, updated_at=at, note=body.note)
    )
    healed = [
        _put(insert, t.heals, case_id=entry.case, edge=edge, site=entry.site, at=at)
        for edge in body.healed
    ]
    return [moved, *healed]


def _sighted(entry: Entry, body: e.OfSightings, insert: Insert) -> Sequence[Executable]:
    return [_count(insert, row.model_dump(mode="json") | {"case_id": entry.case or ""}) for row in body.sightings]


def _count(insert: Insert, row: dict[str, Any]) -> Executable:
    """Add a row's count to the aggregate's. The two databases name the lesser of two differently."""
    into = insert(t.sightings).values(**row)
    have, new = t.sightings.c, into.excluded
    counted: Executable = into.on_conflict_do_update(
        index_elements=["aggregate", "case_id"],
        set_={
            "count": have.count + new.count,
            "first_at": case((new.first_at < have.first_at, new.first_at), else_=have.first_at),
            "last_at": case((new.last_at > have.last_at, new.last_at), else_=have.last_at),
            "received_at": new.received_at,
            "source": new.source,
            "actor": new.actor,
            "text": new.text,
        },
    )
    return counted


def _sighting_assigned(entry: Entry, body: e.SightingAssigned, insert: Insert) -> Sequence[Executable]:
    was = delete(t.sightings).where(
        t.sightings.c.aggregate == body.aggregate, t.sightings.c.case_id == ""
    )
    return [was, *_sighted(entry, body, insert)]


def _snapshot(entry: Entry, body: e.SnapshotTaken, insert: Insert) -> Sequence[Executable]:
    return [
        insert(t.snapshots).values(
            seq=entry.seq, case_id=entry.case, at=written_time(entry.at), moment=body.when
        )
    ]


def _planned(entry: Entry, body: e.Planned, insert: Insert) -> Sequence[Executable]:
    planners = canonical(list(body.planners))
    current = (
        update(t.cases)
        .where(t.cases.c.id == entry.case)
        .values(
            state=body.state.value, digest=body.digest, planners=planners, updated_at=written_time(entry.at)
        )
    )
    return [
        _put(insert, t.plans, case_id=entry.case, digest=body.digest, seq=entry.seq, planners=planners),
        current,
    ]


def _decided(entry: Entry, body: e.Decided, insert: Insert) -> Sequence[Executable]:
    return [
        insert(t.decisions).values(
            case_id=entry.case, digest=body.digest, gate=body.gate, actor=body.actor, seq=entry.seq
        )
    ]


def _digest_used(entry: Entry, body: e.DigestSpent, insert: Insert) -> Sequence[Executable]:
    return [
        insert(t.digests).values(
            digest=body.digest, case_id=entry.case, seq=entry.seq, at=written_time(entry.at)
        )
    ]


def _step(entry: Entry, body: e.StepRecorded, insert: Insert) -> Sequence[Executable]:
    told = body.model_dump(exclude={"token"})
    return [insert(t.steps).values(seq=entry.seq, at=written_time(entry.at), run=entry.run, case_id=entry.case, **told)]


def _baselines(entry: Entry, body: e.BaselinesSet, insert: Insert) -> Sequence[Executable]:
    return [_put(insert, t.baselines, **b.model_dump() | {"verified_at": written_time(b.verified_at)})
            for b in body.baselines]


def _alarm(entry: Entry, body: e.AlarmRaised, insert: Insert) -> Sequence[Executable]:
    return [
        insert(t.alarms).values(
            seq=entry.seq,
            at=written_time(entry.at),
            site=entry.site,
            case_id=entry.case,
            what=body.what,
            detail=body.detail,
        )
    ]


def _lease_taken(entry: Entry, body: e.LeaseTaken, insert: Insert) -> Sequence[Executable]:
    until = written_time(entry.at + timedelta(seconds=body.ttl))
    return [
        _put(
            insert,
            t.leases,
            site=entry.site,
            token=entry.seq,
            owner=entry.actor,
            run=entry.run,
            place=canonical(body.place.model_dump()),
            what=body.what,
            since=written_time(entry.at),
            expires_at=until,
        )
    ]


def _lease_released(entry: Entry, body: e.LeaseReleased, insert: Insert) -> Sequence[Executable]:
    return [delete(t.leases).where(t.leases.c.site == entry.site, t.leases.c.token == body.token)]


def _identity_accepted(entry: Entry, body: e.IdentityAccepted, insert: Insert) -> Sequence[Executable]:
    who = {"site": entry.site, "actor": entry.actor, "at": written_time(entry.at)}
    return [_put(insert, t.identities, **who, **body.model_dump())]


def _attachment(entry: Entry, body: e.Attached, insert: Insert) -> Sequence[Executable]:
    return [_put(insert, t.attachments, case_id=entry.case, seq=entry.seq, **body.model_dump())]


RULES: dict[type[Body], Rule] = {
    e.KeyJoined: _key_joined,
    e.CaseOpened: _case_opened,
    e.CaseMoved: _case_moved,
    e.SightingsKept: _sighted,
    e.SightingAssigned: _sighting_assigned,
    e.SnapshotTaken: _snapshot,
    e.Planned: _planned,
    e.Decided: _decided,
    e.DigestSpent: _digest_used,
    e.StepRecorded: _step,
    e.BaselinesSet: _baselines,
    e.AlarmRaised: _alarm,
    e.LeaseTaken: _lease_taken,
    e.LeaseReleased: _lease_released,
    e.IdentityAccepted: _identity_accepted,
    e.Attached: _attachment,
}
