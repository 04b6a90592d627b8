"""Log lines that speak against a pin made anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.model import Model, World, certificate
from retrust.inventory import Site
from retrust.models import Finding, Pin, Plan, Sighting, Snapshot, Step, Verdict
from retrust.trust.doubts import doubted

SENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER, BEFORE = SENT + timedelta(seconds=1), SENT - timedelta(seconds=1)
SITE = Site(name="campus", target="model")
EDGE = "hub:alpha_1"


def a_delete(relation: str | None) -> Step:
    return Step(
        id="1",
        stage="delete",
        kind="delete-pin",
        holder="hub",
        argument="alpha_1",
        risk="delete-pin",
        relation=relation,
    )


def a_line(**said: Any) -> Sighting:
    line = {
        "id": "s1",
        "kind": "log",
        "dn": "CN=alpha",
        "at": LATER,
        "received_at": LATER,
        "source": "hm-0-0.log",
        "actor": "source:files",
        "level": "authenticated",
    }
    return Sighting.model_validate(line | said)


def doubts(line: Sighting, *, relation: str | None = None, sent: bool = True, listed: bool = True) -> list[str]:
    """The edges that are doubted, once alpha's pin was deleted and made anew."""
    pin = Pin(holder="hub", key="alpha_1", subject="CN=alpha", line="alpha_1")
    found = Finding(pin=pin, presented=certificate("alpha-1"), verdict=Verdict.UNPROVEN)
    after = Snapshot(site="campus", target="model", observed_at=LATER, findings=(found,) if listed else ())
    plan = Plan(site="campus", target="model", snapshot=after, steps=(a_delete(relation),), digest="sha256:1")
    times = {"1": SENT} if sent else {}
    return [edge for edge, _ in doubted(Model(World()), SITE, plan, after, [line], times)]


def test_a_line_since_the_delete_speaks_against_the_new_pin() -> None:
    """Where no relation would show it, what the log says of that edge is the only word there is."""
    assert doubts(a_line()) == [EDGE]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(a_line(at=BEFORE), id="from before the delete"),
        pytest.param(a_line(at=SENT), id="of the very moment"),
        pytest.param(a_line(at=None), id="of no known time"),
        pytest.param(a_line(level="hint"), id="that anybody may have sent"),
        pytest.param(a_line(kind="renewed"), id="that is no log line"),
        pytest.param(a_line(dn="CN=beta"), id="about another peer"),
        pytest.param(a_line(holder="spoke"), id="of another holder"),
    ],
)
def test_a_line_that_says_nothing_of_it(line: Sighting) -> None:
    """A line from before, a hint, and one about something else doubt nothing."""
    assert doubts(line) == []


def test_only_deletes_that_nothing_else_judges_are_doubted() -> None:
    """A relation that depends on the pin is asked itself; what was not sent, or is not listed again, is not doubted."""
    assert doubts(a_line(), relation="alpha") == []
    assert doubts(a_line(), sent=False) == []
    assert doubts(a_line(), listed=False) == []
