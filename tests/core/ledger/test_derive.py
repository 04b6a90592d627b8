"""From an entry to its rows: the rules, each over a few entries and a database in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Table, create_engine, select
from sqlalchemy.pool import StaticPool

from kit.chains import lived
from retrust.ledger import Entry, Ledger
from retrust.ledger import entries as e
from retrust.ledger import tables as t
from retrust.ledger.derive import RULES, statements
from retrust.ledger.process import this_process
from retrust.ledger.sightings import aggregated
from retrust.states import Event, State
from retrust.testing.ledgers import BACKENDS, SITE, an_entry, noticed, plan, sighting


class Derived:
    """The derived tables, brought up to the entries that it is given."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        t.metadata.create_all(connection, tables=list(t.DERIVED))
        self._seq = 0

    def after(self, body: e.Body, **more: Any) -> None:
        self._seq += 1
        for statement, rows in statements(an_entry(body, seq=self._seq, **more), "sqlite"):
            self._connection.execute(statement, rows)

    def rows(self, table: Table, *names: str) -> list[tuple[Any, ...]]:
        query = select(*(table.c[name] for name in names)).order_by(*table.primary_key)
        return [tuple(row) for row in self._connection.execute(query)]


@pytest.fixture
def derived() -> Iterator[Derived]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.connect() as connection:
        yield Derived(connection)
    engine.dispose()


def kept(*seen: Any) -> e.SightingsKept:
    return e.SightingsKept(sightings=tuple(aggregated(seen)))


def test_rules_are_of_kinds_that_there_are() -> None:
    """A rule for a model without a row in the table of kinds would never be used."""
    assert set(RULES) <= {row.model for row in e.KINDS.values()}


def test_nothing_follows_from_other_kinds() -> None:
    """Of a kind without a rule, or unknown to this version, no table changes."""
    entry = an_entry(noticed())
    for other in (entry, entry.model_copy(update={"kind": "of a newer Retrust", "text": "5"})):
        assert list(statements(other, "sqlite")) == []


@pytest.mark.parametrize("dialect", BACKENDS)
async def test_only_derived_tables_are_written(lived_entries: list[Entry], dialect: str) -> None:
    """On either database the same tables, in the same order, and none of the chain's own."""
    for entry in lived_entries:
        written = [statement.table for statement, _ in statements(entry, dialect)]  # type: ignore[attr-defined]
        assert set(written) <= set(t.DERIVED)
        assert written == [statement.table for statement, _ in statements(entry, "sqlite")]  # type: ignore[attr-defined]


@pytest.fixture
async def lived_entries(tmp_path: Any) -> list[Entry]:
    async with await Ledger.open(None, tmp_path) as ledger:
        await lived(ledger)
        return await ledger.entries()


def test_a_key_keeps_the_place_where_it_joined(derived: Derived) -> None:
    """A second entry of it, as a newer version signs one, changes nothing."""
    for _ in range(2):
        derived.after(e.KeyJoined(key_id="k", public_key="ff"), case=None, site=None)
    assert derived.rows(t.keys, "key_id", "seq") == [("k", 1)]


def test_a_case_takes_up_what_was_seen_of_its_site(derived: Derived) -> None:
    """Not what was seen of another site, or of none, or belongs to a case already."""
    derived.after(kept(sighting(), sighting(site="elsewhere"), sighting(site=None)), case=None)
    derived.after(kept(sighting(dn="CN=older")), case="c0")
    derived.after(e.CaseOpened(cause="x"), case="c3")
    found = derived.rows(t.sightings, "site", "case_id")
    assert sorted(found, key=str) == sorted([(SITE, "c3"), (SITE, "c0"), ("elsewhere", ""), (None, "")], key=str)
    assert derived.rows(t.cases, "id", "state", "requested_by") == [("c3", "open", "service")]


def test_what_is_said_again_counts_on(derived: Derived) -> None:
    """The earliest and the latest time, the last text; what was dismissed is in force again."""
    derived.after(kept(sighting(5, text="first")), case=None)
    [(aggregate,)] = derived.rows(t.sightings, "aggregate")
    derived.after(e.SightingDismissed(aggregate=aggregate, cases=("",), said="x", reason="r"), actor="person:ann")
    assert derived.rows(t.sightings, "dismissed", "dismissed_by") == [("r", "person:ann")]
    derived.after(kept(sighting(9, text="late"), sighting(9)), case=None)
    derived.after(kept(sighting(2, text="early")), case=None)
    [(count, first, last, text, dismissed)] = derived.rows(
        t.sightings, "count", "first_at", "last_at", "text", "dismissed"
    )
    assert (count, first[17:19], last[17:19], text, dismissed) == (4, "02", "09", "early", None)


def test_a_dismissal_is_of_the_cases_that_it_names(derived: Derived) -> None:
    """The same sighting in another case stays in force."""
    for case in ("c1", "c2"):
        derived.after(kept(sighting()), case=case)
    [(aggregate, _), _] = derived.rows(t.sightings, "aggregate", "case_id")
    derived.after(e.SightingDismissed(aggregate=aggregate, cases=("c2",), said="x", reason="r"))
    assert derived.rows(t.sightings, "case_id", "dismissed") == [("c1", None), ("c2", "r")]


def test_a_plan_that_comes_again_is_one_row(derived: Derived) -> None:
    """The newest entry of it, with all who planned it; the case has its digest and state."""
    derived.after(e.CaseOpened(cause="x"))
    for planners in (("ann",), ("ann", "service")):
        derived.after(e.Planned(digest="d1", planners=planners, was=State.OPEN, state=State.PLANNED, plan=plan("d1")))
    assert derived.rows(t.plans, "digest", "seq", "planners") == [("d1", 3, '["ann","service"]')]
    assert derived.rows(t.cases, "state", "digest", "planners") == [("planned", "d1", '["ann","service"]')]


def test_a_move_that_heals_remembers_the_edges(derived: Derived) -> None:
    """Each once, with the time; the case has the state and the note."""
    derived.after(e.CaseOpened(cause="x"))
    derived.after(
        e.CaseMoved(event=Event.HEAL, was=State.VERIFYING, state=State.HEALED, note="n", healed=("a:1", "b:2"))
    )
    assert derived.rows(t.heals, "edge", "site") == [("a:1", SITE), ("b:2", SITE)]
    assert derived.rows(t.cases, "state", "note") == [("healed", "n")]


def test_a_lease_is_given_back_by_its_own_token(derived: Derived) -> None:
    """It runs out its time after it was taken; one that was taken over cannot be given back by the old holder."""
    for owner in ("old", "new"):
        derived.after(e.LeaseTaken(what="run", ttl=60, place=this_process(), took_over=None), actor=owner)
    derived.after(e.LeaseReleased(token=1), actor="old")
    assert derived.rows(t.leases, "owner", "token", "expires_at") == [("new", 2, "2024-05-01T12:01:00.000000Z")]
    derived.after(e.LeaseReleased(token=2), actor="new")
    assert derived.rows(t.leases, "owner") == []
