"""What is due at a site, as a table: entries of the ledger in, one word out. Pure, on a clock set by hand."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from retrust.ledger import Entry
from retrust.ledger.entries import (
    Body,
    CaseMoved,
    CaseOpened,
    Decided,
    LeaseReleased,
    LeaseTaken,
    LookAsked,
    SightingsKept,
)
from retrust.ledger.process import Process
from retrust.ledger.sightings import aggregated
from retrust.models import GateState
from retrust.states import Event, State
from retrust.testing.ledgers import NOON, SITE, an_entry, decision, sighting
from retrust_flows.service.standing import GATES_AGAIN, LONGEST_RETRY, REPEAT, RETRY, Standing

DECIDED = Decided.model_validate(decision("c1").model_dump())
numbers = itertools.count(1)


def entry(body: Body, minute: float = 0, actor: str = "service") -> Entry:
    seq = next(numbers)
    return an_entry(body, seq=seq, at=NOON + timedelta(minutes=minute), actor=actor, hash=str(seq))


def opened() -> Entry:
    return entry(CaseOpened(cause="a test"))


def moved(event: str, state: str, minute: float = 0, **told: Any) -> Entry:
    return entry(CaseMoved(event=Event(event), was=State.OPEN, state=State(state), note="", **told), minute)


def waiting(minute: float = 0, until: float | None = None) -> Entry:
    at = NOON + timedelta(minutes=until) if until is not None else None
    return moved("wait", "waiting", minute, gates=(GateState(gate="window", state="shut", until=at),))


def failed(minute: float = 0, *, retry: bool = True) -> Entry:
    return moved("fail", "failed", minute, why="x", retry=retry)


def sighted(aggregate: str = "a", minute: float = 0, last: float | None = None, *, dated: bool = True) -> Entry:
    at = NOON + timedelta(minutes=minute if last is None else last)
    [row] = aggregated([sighting(at=at if dated else None, received_at=at, source="hm.log")])
    return entry(SightingsKept(sightings=(row.model_copy(update={"aggregate": aggregate}),)), minute)


def asked(actor: str = "service", why: str = "alarm") -> Entry:
    return entry(LookAsked(why=why, source="a test"), actor=actor)


def a_pass(minute: float = 0, *within: Entry) -> list[Entry]:
    taken = begun(minute)
    return [taken, *within, entry(LeaseReleased(token=taken.seq), minute)]


def begun(minute: float = 0) -> Entry:
    return entry(LeaseTaken(what="a run", ttl=60, place=Process(host="h", pid=1), took_over=None), minute)


def due(entries: list[Entry], minute: float = 0) -> str | None:
    standing = Standing("campus")
    for one in entries:
        standing.take(one)
    found = standing.due(NOON + timedelta(minutes=minute))
    return found.action if found else None


MINUTE = timedelta(minutes=1)
SAME = REPEAT / MINUTE

TABLE: dict[str, tuple[list[Entry], float, str | None]] = {
    "nothing happened": ([], 0, None),
    "a sighting without a case": ([sighted()], 0, "open"),
    "a new case": ([sighted(), opened()], 0, "pass"),
    "a pass is under way": ([sighted(), opened(), begun()], 0, None),
    "a pass ended before it moved the case": ([sighted(), opened(), *a_pass()], 0, "pass"),
    "a plan was made anew, as the world changed": ([opened(), *a_pass(), moved("plan", "planned")], 0, "pass"),
    "a pass died between approval and the first step": ([opened(), *a_pass(), moved("approve", "approved")], 0, "pass"),
    "a pass died in a step": ([opened(), *a_pass(), moved("execute", "executing")], 0, "pass"),
    "a pass died before it had verified": ([opened(), *a_pass(), moved("verify", "verifying")], 0, "pass"),
    "it waits for a person": ([opened(), waiting(), *a_pass()], 0, None),
    "a decision came": ([opened(), *a_pass(), waiting(), entry(DECIDED)], 0, "gates"),
    "the window has not opened": ([opened(), *a_pass(), waiting(until=3)], 2, None),
    "the window opened": ([opened(), *a_pass(), waiting(until=3)], 3, "gates"),
    "gates without a time are asked again": ([opened(), *a_pass(), waiting()], GATES_AGAIN / MINUTE, "gates"),
    "the same again, while it waits": ([sighted(), opened(), *a_pass(), waiting(), sighted()], 1, None),
    "the same again, for some time": ([sighted(), opened(), *a_pass(), waiting(), sighted()], SAME, "pass"),
    "something else, while it waits": ([sighted(), opened(), *a_pass(), waiting(), sighted("b")], 0, "pass"),
    "something else, during a pass": ([sighted(), opened(), begun(), sighted("b")], 0, None),
    "a hint, while it waits": ([opened(), *a_pass(), waiting(), asked()], 0, "pass"),
    "it failed just now": ([opened(), *a_pass(), failed()], 0.5, None),
    "it failed a while ago": ([opened(), *a_pass(), failed()], 1, "pass"),
    "it failed three times": ([opened(), failed(), failed(), failed()], 3, None),
    "it failed three times, a while ago": ([opened(), failed(), failed(), failed()], 4, "pass"),
    "it failed many times": ([opened(), *(failed() for _ in range(50))], LONGEST_RETRY / MINUTE, "pass"),
    "it failed for good": ([opened(), *a_pass(), failed(retry=False)], 10_000, None),
    "it failed for good, and is seen again": ([opened(), failed(retry=False), sighted("b")], 10_000, None),
    "it failed for good, and a hint came": ([opened(), failed(retry=False), asked()], 10_000, None),
    "it failed for good, and a person asks": (
        [opened(), failed(retry=False), asked("person:ann", "mended")],
        0,
        "pass",
    ),
    "it is healed": ([opened(), *a_pass(), moved("heal", "healed", 5)], 5, None),
    "the same again, during the pass that healed": (
        [sighted(), opened(), *a_pass(4, sighted(minute=4), moved("heal", "healed", 5))],
        5,
        None,
    ),
    "something else, during the pass that healed": (
        [sighted(), opened(), *a_pass(4, sighted("b", 4), moved("heal", "healed", 5))],
        5,
        "open",
    ),
    "a line from before the heal came late": (
        [opened(), *a_pass(), moved("heal", "healed", 5), sighted("b", 6, last=4)],
        6,
        None,
    ),
    "a line of an unknown time, heard after the heal": (
        [opened(), *a_pass(), moved("heal", "healed", 5), sighted("b", 6, dated=False)],
        6,
        "open",
    ),
    "a line of an unknown time, heard before the heal": (
        [opened(), *a_pass(), moved("heal", "healed", 5), sighted("b", 6, last=4, dated=False)],
        6,
        None,
    ),
    "a line from after the heal": ([opened(), *a_pass(), moved("heal", "healed", 5), sighted("a", 6)], 6, "open"),
    "it was cancelled, and is seen again": ([opened(), moved("cancel", "cancelled"), sighted("a", 1)], 1, "open"),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_due(name: str) -> None:
    """One row: what happened, how many minutes after noon it is, what is due."""
    entries, minute, expected = TABLE[name]
    assert due(entries, minute) == expected


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    """A failed case is tried again though the last failure seems to lie in the future."""
    assert due([opened(), failed(minute=600)], minute=0) == "pass"


def test_a_lost_pass_is_news_again() -> None:
    """What a dead pass had taken up is not forgotten with it."""
    standing = Standing("campus")
    for one in [sighted(), opened(), *a_pass(), waiting(), sighted("b"), begun()]:
        standing.take(one)
    assert standing.due(NOON) is None
    standing.abandoned()
    found = standing.due(NOON)
    assert found is not None
    assert found.action == "pass"


def test_the_retries_grow() -> None:
    """From one minute on, doubling."""
    assert RETRY == MINUTE
    for failures, minutes in ((1, 1), (2, 2), (3, 4), (4, 8)):
        entries = [opened(), *(failed() for _ in range(failures))]
        assert (due(entries, minutes - 0.1), due(entries, minutes)) == (None, "pass")


def test_who_asked_caused_the_case() -> None:
    """A case that is opened only because a person asked is that person's; where news came, too, it is nobody's."""
    by = {}
    for name, came in {"asked": [asked("person:ann")], "news as well": [sighted(), asked("person:ann")]}.items():
        standing = Standing(SITE)
        for one in came:
            standing.take(one)
        due = standing.due(NOON)
        assert due is not None
        by[name] = due.by
    assert by == {"asked": "person:ann", "news as well": "service"}
