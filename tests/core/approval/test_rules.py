"""Who may decide, which decisions count, and when they expire: one row for each rule."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from kit.deciding import HOUR, OLD, SAID, TERMINAL, TICKET, Scene, a_sighting, network
from retrust.approval import expires_at, may_decide
from retrust.approval.rules import counted
from retrust.gates import Requirement
from retrust.models import Decision, Grade
from retrust.states import State
from retrust.testing.plans import NOW, a_case, a_decision, a_plan

ALLOWED: list[Any] = [
    pytest.param(Scene(), network("person:ann"), id="someone with the role, and no part in the case, may decide"),
    pytest.param(Scene(), network("person:ann", yes=False), id="and may say no"),
    pytest.param(Scene(), a_decision("ann", roles=["guest", "network"]), id="one of the roles is enough"),
    pytest.param(Scene(decisions=[network("ann")]), network("ben"), id="another person may decide too"),
    pytest.param(
        Scene(decisions=[network("ann")]),
        a_decision("ann", "security", roles=["security"], yes=False),
        id="who said yes at one gate may say no at another: counting once limits yeses",
    ),
    pytest.param(
        Scene(decisions=[network("ann", digest=OLD)]),
        network("ann"),
        id="a yes to an old plan takes nothing away",
    ),
    pytest.param(
        Scene(required=TERMINAL, case=a_case(requested_by="person:ann", planners=["person:ann"])),
        a_decision("person:ann", "confirm"),
        id="confirm is exempt from the requester's rule",
    ),
    pytest.param(
        Scene(required=TERMINAL, decisions=[a_decision("ann", "confirm")]),
        a_decision("ann", "security"),
        id="one person at the terminal answers all its gates",
    ),
]

REFUSED: list[Any] = [
    pytest.param(
        Scene(case=a_case(requested_by="person:ann")),
        network("person:ann"),
        "caused this case",
        id="the requester may not decide",
    ),
    pytest.param(
        Scene(case=a_case(requested_by="person:ann")),
        network("person:ann", yes=False),
        "caused this case",
        id="not even no: who caused the case can cancel it",
    ),
    pytest.param(
        Scene(case=a_case(requested_by="person:Ann")),
        network("ANN "),
        "caused this case",
        id="the requester is recognised however the name is written",
    ),
    pytest.param(
        Scene(case=a_case(planners=["person:ben", "person:ann"])),
        network("person:ann"),
        "wrote this plan",
        id="every planner is excluded",
    ),
    pytest.param(
        Scene(sightings=[a_sighting("person:ann", "SHA256:aa")]),
        network("person:ann"),
        "attested a fingerprint",
        id="who attested a fingerprint may not decide",
    ),
    pytest.param(
        Scene(sightings=[a_sighting("person:ann")]),
        network("person:ann"),
        "brought in a sighting",
        id="nor who named the pin by hand",
    ),
    pytest.param(Scene(), a_decision("ann", roles=["guest"]), "asks for the role network", id="missing role"),
    pytest.param(Scene(), a_decision("ann"), "asks for the role network", id="no role at all"),
    pytest.param(
        Scene(),
        a_decision("ann", "security", roles=["network"]),
        "asks for the role security",
        id="a role for one gate is none for another",
    ),
    pytest.param(Scene(decisions=[network("ann")]), network("ann"), "counts once", id="double vote"),
    pytest.param(
        Scene(decisions=[network("ann")]),
        network("ann", yes=False),
        "counts once",
        id="a decision is not taken back: cancelling the case is",
    ),
    pytest.param(
        Scene(decisions=[network("ann")]),
        a_decision("ann", "security", roles=["security"]),
        "counts once",
        id="a yes at one gate is none at another",
    ),
    pytest.param(
        Scene(decisions=[network("person:ann")]),
        network("Ann"),
        "counts once",
        id="a double vote under the same name written differently",
    ),
    pytest.param(Scene(), network("ann", digest=OLD), "plan has changed", id="decision on an old digest"),
    pytest.param(
        Scene(case=a_case(digest=OLD)),
        network("ann"),
        "plan has changed",
        id="the case has another plan by now",
    ),
    pytest.param(Scene(), network("ann", reason=""), "needs a reason", id="no reason"),
    pytest.param(Scene(), network("ann", reason=" \t\n"), "needs a reason", id="a blank reason"),
    pytest.param(Scene(), network(" "), "names who", id="nobody"),
    pytest.param(Scene(), network("person: "), "names who", id="nobody with a prefix"),
    pytest.param(Scene(), a_decision("ann", "finance", roles=["network"]), "no gate 'finance'", id="no such gate"),
    pytest.param(
        Scene(required=TICKET),
        a_decision("ann", "ticket"),
        "not one that a person opens",
        id="nobody opens a ticket's gate from here",
    ),
    pytest.param(
        Scene(decisions=[network("ben", yes=False)]),
        network("ann"),
        "closed: ben said no",
        id="a no closes the gate",
    ),
    pytest.param(
        Scene(decisions=[network("ben")]),
        network("ann", at=NOW + 73 * HOUR),
        "expired",
        id="after a yes expired the gate is closed",
    ),
    pytest.param(Scene(), network("ann", at=NOW + 72 * HOUR), "nobody decided", id="nobody decided in time"),
    pytest.param(
        Scene(plan=a_plan("interrupting", grade=Grade.CONTRADICTED)),
        network("ann"),
        "nothing accepts",
        id="nothing accepts contradicted",
    ),
    pytest.param(
        Scene(required=TERMINAL, plan=a_plan("delete-pin", grade=Grade.CONTRADICTED)),
        a_decision("ann", "confirm"),
        "nothing accepts",
        id="nor does the terminal",
    ),
    pytest.param(
        Scene(required=TERMINAL),
        a_decision("ann", "confirm", reason=""),
        "needs a reason",
        id="the terminal gives a reason too",
    ),
    *(
        pytest.param(
            Scene(case=a_case(state=state)),
            network("ann"),
            f"the case is {state.value}",
            id=f"a case that is {state.value} is not decided",
        )
        for state in (
            State.OPEN,
            State.EXECUTING,
            State.VERIFYING,
            State.HEALED,
            State.REFUSED,
            State.EXPIRED,
            State.CANCELLED,
        )
    ),
]


@pytest.mark.parametrize(("scene", "decision"), ALLOWED)
def test_may_decide(scene: Scene, decision: Decision) -> None:
    """Each row is a decision that the rules allow."""
    assert may_decide(decision, scene.matter()) is None


@pytest.mark.parametrize(("scene", "decision", "why"), REFUSED)
def test_may_not_decide(scene: Scene, decision: Decision, why: str) -> None:
    """Each row is a decision that one rule refuses, with its reason."""
    reason = may_decide(decision, scene.matter())
    assert reason is not None
    assert why in reason


# -- expiry ------------------------------------------------------------------------------------------


def test_expires_with_the_first_yes() -> None:
    """The case expires when the first yes does, by the site's clock."""
    scene = Scene(
        decisions=[
            network("ann", at=NOW + HOUR),
            network("ben", at=NOW + 2 * HOUR),
            a_decision("cy", "security", roles=["security"], at=NOW + 3 * HOUR),
        ]
    )
    assert expires_at(scene.matter()) == NOW + 73 * HOUR


def test_an_expired_yes_does_not_count() -> None:
    """A yes counts until its clock has run out, and not at that moment any more."""
    scene = Scene(decisions=[network("ann")])
    assert counted(scene.matter(), NOW + 72 * HOUR - timedelta(seconds=1)) == (scene.decisions[0],)
    assert counted(scene.matter(), NOW + 72 * HOUR) == ()


def test_a_yes_of_a_time_that_is_still_to_come_does_not_count() -> None:
    """A clock that was set back would make it last longer; a few minutes are two machines' clocks."""
    scene = Scene(decisions=[network("ann", at=NOW + 30 * HOUR), network("ben", at=NOW + HOUR / 20)])
    assert [d.actor for d in counted(scene.matter(), NOW)] == ["ben"]
    assert "later than now here" in (asyncio.run(scene.states())["people"].needs or "")


def test_expires_when_nobody_decides() -> None:
    """Where nobody decided, the clock runs from when the plan asked; a gate's own ``valid`` goes first."""
    assert expires_at(Scene().matter()) == NOW + 72 * HOUR
    quick = (Requirement("people", "people", {"valid": "2h"}, ()), *Scene().required[1:])
    assert expires_at(Scene(required=quick).matter()) == NOW + 2 * HOUR


def test_only_what_a_person_opens_expires() -> None:
    """A ticket or a window has its own life; a plan that waits for these alone does not expire."""
    assert expires_at(Scene(required=TICKET).matter()) is None


# -- properties --------------------------------------------------------------------------------------


@given(said=SAID, at=st.integers(-90, 0))
@settings(max_examples=many(300))
def test_the_door_and_the_count_agree(said: list[Decision], at: int) -> None:
    """What ``may_decide`` lets in is what counts afterwards: a yes allowed now is among those that count."""
    scene = Scene(decisions=[d for d in said if d.at <= NOW + at * HOUR], asked_at=None)
    new = network("eve", at=NOW + at * HOUR)
    if may_decide(new, scene.matter()) is None:
        scene.decisions = [*scene.decisions, new]
        assert new in counted(scene.matter(), NOW + at * HOUR)


def test_what_a_person_dismissed_or_brought_in_for_the_plan_they_do_not_decide() -> None:
    """Whoever said what the plan rests on has a part in it, also where no sighting of the case is theirs."""
    matter = replace(Scene().matter(), said_by=frozenset({"person:ann"}))
    assert "brought in a sighting that this plan rests on" in (may_decide(network("ann"), matter) or "")
    assert may_decide(network("ben"), matter) is None


def test_a_gate_that_is_not_a_persons_is_opened_by_none() -> None:
    """A ticket's own system says yes; nobody here can."""
    scene = Scene(required=TICKET)
    assert "is not one that a person opens" in (may_decide(a_decision("ann", "ticket"), scene.matter()) or "")


def test_a_gate_that_no_plugin_provides_is_opened_by_none() -> None:
    """A yes at a gate that is not loaded would count for nothing, and is refused."""
    scene = Scene(required=(Requirement("jira", "jira", {}, ("delete-pin",)),))
    assert "nothing provides the gate 'jira'" in (may_decide(a_decision("ann", "jira"), scene.matter()) or "")
