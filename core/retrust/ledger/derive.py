"""From an entry to the statements that bring the derived tables up to it. Pure: nothing is read here.

Whatever a rule needs to know is in the entry's model, put there by the writer within the same
transaction. So a replay of the entries (``replay``) gives the same tables, and a difference is a fault.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any, NamedTuple

from sqlalchemy import Executable, Table, case, delete, func, update

from retrust.ledger import entries as e
from retrust.ledger import tables as t
from retrust.ledger.canonical import canonical, written_time
from retrust.ledger.entries import KINDS, Body
from retrust.ledger.entry import Entry
from retrust.states import State

Insert = Any  # the dialects' inserts share ``on_conflict_do_update`` but no base class that declares it
Rule = Callable[[Entry, Any, Insert], "Sequence[Executable | ForEach]"]


class ForEach(NamedTuple):
    """A statement that is executed for each of ``rows``; without rows it is executed as it is."""

    statement: Executable
    rows: list[dict[str, Any]] | None = None


def statements(entry: Entry, dialect: str) -> Sequence[ForEach]:
    """In the order in which they are to be executed; none for a kind that nothing is derived from."""
    model = KINDS[entry.kind].model if entry.kind in KINDS else Body
    if model not in RULES:
        return ()
    insert = _insert_of(dialect)
    made = [made for rule in RULES[model] for made in rule(entry, entry.body, insert)]
    return [each if isinstance(each, ForEach) else ForEach(each) for each in made]


@functools.cache
def _insert_of(dialect: str) -> Insert:
    """Imported when it is known which database it is: the other one's dialect takes a while."""
    return import_module(f"sqlalchemy.dialects.{dialect}").insert


def _row(table: Table, entry: Entry, body: Body, **more: Any) -> dict[str, Any]:
    """The table's columns as far as entry and body have fields of those names, and ``more``."""
    told = {
        "seq": entry.seq,
        "at": written_time(entry.at),
        "actor": entry.actor,
        "run": entry.run,
        "site": entry.site,
        "case_id": entry.case,
        **body.model_dump(mode="json"),
        **more,
    }
    return {column.name: told[column.name] for column in table.columns if column.name in told}


def _put(insert: Insert, table: Table, row: dict[str, Any]) -> Executable:
    """Insert, or replace the row with that primary key."""
    into = insert(table).values(**row)
    keys = [column.name for column in table.primary_key]
    rest = {name: into.excluded[name] for name in row if name not in keys}
    kept: Executable = into.on_conflict_do_update(index_elements=keys, set_=rest)
    return kept


def _adds_to(table: Table) -> Rule:
    return lambda entry, body, insert: [insert(table).values(**_row(table, entry, body))]


def _puts_into(table: Table) -> Rule:
    return lambda entry, body, insert: [_put(insert, table, _row(table, entry, body))]


def _key_joined(entry: Entry, body: e.KeyJoined, insert: Insert) -> Sequence[Executable]:
    return [insert(t.keys).values(**_row(t.keys, entry, body)).on_conflict_do_nothing()]


def _case_opened(entry: Entry, body: e.CaseOpened, insert: Insert) -> Sequence[Executable]:
    at = written_time(entry.at)
    row = _row(
        t.cases,
        entry,
        body,
        id=entry.case,
        state=State.OPEN.value,
        opened_at=at,
        updated_at=at,
        requested_by=entry.actor,
        planners="[]",
        note="",
    )
    loose = t.sightings.c.site == entry.site, t.sightings.c.case_id == ""
    return [insert(t.cases).values(**row), update(t.sightings).where(*loose).values(case_id=entry.case)]


def _moves(entry: Entry, **values: Any) -> Executable:
    return update(t.cases).where(t.cases.c.id == entry.case).values(updated_at=written_time(entry.at), **values)


def _case_moved(entry: Entry, body: e.CaseMoved, insert: Insert) -> Sequence[Executable]:
    healed = [_put(insert, t.heals, _row(t.heals, entry, body, edge=edge)) for edge in body.healed]
    return [_moves(entry, state=body.state.value, note=body.note), *healed]


def _sighted(entry: Entry, body: e.OfSightings, insert: Insert) -> Sequence[ForEach]:
    more = {"case_id": entry.case or "", "dismissed": None, "dismissed_by": None}
    return [ForEach(_count(insert), [row.model_dump(mode="json") | more for row in body.sightings])]


@functools.cache
def _count(insert: Insert) -> Executable:
    """Add a row's count to the aggregate's; what is said again is in force again.

    Made once, as a storm has many rows. The two databases name the lesser of two differently.
    """
    into = insert(t.sightings)
    have, new = t.sightings.c, into.excluded
    counted: Executable = into.on_conflict_do_update(
        index_elements=["aggregate", "case_id"],
        set_={
            "count": have.count + new.count,
            "first_at": case(
                (new.first_at < have.first_at, new.first_at), else_=func.coalesce(have.first_at, new.first_at)
            ),
            "last_at": case((new.last_at > have.last_at, new.last_at), else_=func.coalesce(have.last_at, new.last_at)),
            "received_at": new.received_at,
            "source": new.source,
            "actor": new.actor,
            "text": new.text,
            "dismissed": new.dismissed,
            "dismissed_by": new.dismissed_by,
        },
    )
    return counted


def _assigned(entry: Entry, body: e.SightingAssigned, insert: Insert) -> Sequence[Executable]:
    return [delete(t.sightings).where(t.sightings.c.aggregate.in_(body.aggregates), t.sightings.c.case_id == "")]


def _dismissed(entry: Entry, body: e.SightingDismissed, insert: Insert) -> Sequence[Executable]:
    those = t.sightings.c.aggregate == body.aggregate, t.sightings.c.case_id.in_(body.cases)
    return [update(t.sightings).where(*those).values(dismissed=body.reason, dismissed_by=entry.actor)]


def _snapshot(entry: Entry, body: e.SnapshotTaken, insert: Insert) -> Sequence[Executable]:
    at = written_time(entry.at)
    return [insert(t.snapshots).values(seq=entry.seq, case_id=entry.case, at=at, moment=body.when)]


def _planned(entry: Entry, body: e.Planned, insert: Insert) -> Sequence[Executable]:
    same = {"digest": body.digest, "planners": canonical(list(body.planners))}
    return [
        _put(insert, t.plans, {"case_id": entry.case, "seq": entry.seq, **same}),
        _moves(entry, state=body.state.value, **same),
    ]


def _baselines(entry: Entry, body: e.BaselinesSet, insert: Insert) -> Sequence[Executable]:
    return [
        _put(insert, t.baselines, b.model_dump(mode="json") | {"verified_at": written_time(b.verified_at)})
        for b in body.baselines
    ]


def _lease_taken(entry: Entry, body: e.LeaseTaken, insert: Insert) -> Sequence[Executable]:
    until = written_time(entry.at + timedelta(seconds=body.ttl))
    return [
        _put(
            insert,
            t.leases,
            _row(
                t.leases,
                entry,
                body,
                token=entry.seq,
                owner=entry.actor,
                place=canonical(body.place.model_dump()),
                since=written_time(entry.at),
                expires_at=until,
            ),
        )
    ]


def _lease_released(entry: Entry, body: e.LeaseReleased, insert: Insert) -> Sequence[Executable]:
    return [delete(t.leases).where(t.leases.c.site == entry.site, t.leases.c.token == body.token)]


RULES: dict[type[Body], Sequence[Rule]] = {
    e.KeyJoined: [_key_joined],
    e.CaseOpened: [_case_opened],
    e.CaseMoved: [_case_moved],
    e.SightingsKept: [_sighted],
    e.SightingAssigned: [_assigned, _sighted],
    e.SightingDismissed: [_dismissed],
    e.SnapshotTaken: [_snapshot],
    e.Planned: [_planned],
    e.Decided: [_adds_to(t.decisions)],
    e.DigestSpent: [_adds_to(t.digests)],
    e.StepRecorded: [_adds_to(t.steps)],
    e.BaselinesSet: [_baselines],
    e.AlarmRaised: [_adds_to(t.alarms)],
    e.LeaseTaken: [_lease_taken],
    e.LeaseReleased: [_lease_released],
    e.IdentityAccepted: [_puts_into(t.identities)],
    e.Attached: [_puts_into(t.attachments)],
}
