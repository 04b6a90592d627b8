"""Each part's value is all of the one before, and what the part added."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from retrust.models import GateState
from retrust.runs.phases import Approved, Detected, Done, Healthy, Looked, Planned, Verified, Waiting, become
from retrust.testing.plans import NOW, a_case, a_plan

PLAN = a_plan("delete-pin")
DETECTED = Detected(sightings=(), said="no open case")
OPEN = GateState(gate="people", state="open")


def looked() -> Looked:
    connection: Any = object()
    return become(Looked, DETECTED, connection=connection, snapshot=PLAN.snapshot)


def test_nothing_is_lost_on_the_way() -> None:
    """What was detected, seen and planned is there to the end, the very same."""
    first = looked()
    planned = become(Planned, first, case=a_case(), plan=PLAN)
    done = become(Done, become(Approved, planned, gates=(OPEN,)))
    verified = become(Verified, done, after=PLAN.snapshot.model_copy(update={"observed_at": NOW}))
    assert (verified.said, verified.connection, verified.plan) == ("no open case", first.connection, PLAN)
    assert (verified.gates, verified.results) == ((OPEN,), ())


def test_nothing_is_done_that_was_not_approved() -> None:
    """A value of a part cannot be made without what each part before it adds."""
    planned = become(Planned, looked(), case=a_case(), plan=PLAN)
    approved = become(Approved, planned, gates=(OPEN,))
    steps: list[tuple[type[object], object, str]] = [
        (Planned, looked(), "plan"),
        (Approved, planned, "gates"),
        (Done, planned, "gates"),
        (Verified, approved, "after"),
    ]
    for kind, before, lacks in steps:
        with pytest.raises(TypeError, match=lacks):
            become(kind, before)


def test_a_part_may_say_something_anew() -> None:
    """What it adds goes before what was there; what the next value has no place for stays behind."""
    planned = become(Planned, looked(), case=a_case(id="c1"), plan=PLAN)
    assert become(Waiting, planned, case=a_case(id="c2"), gates=()).case.id == "c2"
    healthy = become(Healthy, planned)
    assert healthy.case is not None
    assert healthy.case.id == "c1"
    assert not hasattr(healthy, "plan")


def test_a_value_of_a_part_does_not_change() -> None:
    """Nobody adds a step between the approval and the write."""
    planned: Any = become(Planned, looked(), case=a_case(), plan=PLAN)
    with pytest.raises(FrozenInstanceError):
        planned.plan = a_plan("interrupting")
