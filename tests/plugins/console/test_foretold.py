"""What a person is told before they decide: what will happen and why, how long, and what is interrupted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kit.scenes import a_renewal
from retrust.ledger import TimeTaken
from retrust.models import Endpoint
from retrust.testing.ledgers import NOON
from retrust_plugins.console.foretold import foretell, spelled

PLAN = a_renewal()
NODES = {"primary": Endpoint(host="10.0.0.11", port=8082), "secondary": Endpoint(host="10.0.0.12", port=8082)}


def took(minutes: float, *, kind: str = "register-ha", site: str = "campus", argument: str = "secondary") -> TimeTaken:
    return TimeTaken(site=site, kind=kind, argument=argument, begun_at=NOON, done_at=NOON + timedelta(minutes=minutes))


def test_one_sentence() -> None:
    """Which pin is deleted and why, then what follows and on which condition."""
    told = foretell(PLAN, PLAN.steps, NODES, "campus", [])
    assert told.will == (
        "Retrust will delete the old pin of secondary on primary, because secondary presents another certificate than "
        "the one last verified on 2026-08-25, then register HA secondary (only if HA is not healthy once the nodes "
        "have met again, and its mode is 'HA Not Configured')."
    )
    assert told.interrupts == "HA is interrupted by “register HA”, only if that is needed; afterwards: Primary Active."


def test_what_is_left() -> None:
    """Steps that were done are told no more; a plan that only deletes interrupts nothing."""
    assert foretell(PLAN, PLAN.steps[1:], NODES, "campus", []).will.startswith("Retrust will register HA secondary")
    assert foretell(PLAN, PLAN.steps[:1], NODES, "campus", []).interrupts == "Nothing is interrupted."


DELETE = {"kind": "delete-pin", "argument": "10.0.0.12_8082"}


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ([], "It takes at most 2 minutes: it was not done before."),
        (
            [took(30), took(10), took(20), took(1, **DELETE)],
            "It takes about 21 minutes, as it took here before.",
        ),
        (
            [took(90, site="branch"), took(1, site="branch", **DELETE)],
            "It takes about 1 hour 31 minutes, as it took at other sites.",
        ),
        (
            [took(9), took(40, site="branch"), took(1, **DELETE)],
            "It takes about 10 minutes, as it took here before.",
        ),
        (
            [took(9)],
            "It takes about 10 minutes, as it took here before; for what was not done before, the plan's limit is "
            "counted.",
        ),
    ],
)
def test_how_long(taken: list[TimeTaken], said: str) -> None:
    """By the median here, else at other sites, else by the plan's limits; and where the figure is from."""
    assert foretell(PLAN, PLAN.steps, NODES, "campus", taken).takes == said


def test_durations_are_spelled() -> None:
    """To the minute, but for what is shorter than one."""
    times = [timedelta(seconds=0.2), timedelta(seconds=59), timedelta(seconds=61), timedelta(hours=2)]
    assert [spelled(time) for time in times] == ["1 second", "59 seconds", "1 minute", "2 hours"]
