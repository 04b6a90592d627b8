"""Who may decide, which decisions count, and how gates stand: one row for each rule."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.approval import Matter, evaluate, expires_at, may_decide
from retrust.approval.rules import counted
from retrust.errors import Refused
from retrust.gates import Confirm, Gate, GateSettings, Question, Requirement, Standard
from retrust.ledger import Case
from retrust.models import Decision, GateState, Grade, Plan, Sighting
from retrust.secrets.redaction import Redactor
from retrust.states import State
from retrust.testing.plans import DIGEST, NOW, a_case, a_decision, a_plan, an_inventory
from retrust_plugins.people.gate import People

HOUR = timedelta(hours=1)
OLD = "sha256:" + "0" * 64


class Scripted(Gate[GateSettings]):
    """A third party's gate that does what the test says."""

    settings_model = GateSettings

    def __init__(self, name: str, answer: Any, *, by_person: bool = False) -> None:
        self.name, self.answer, self.by_person = name, answer, by_person

    async def state(self, question: Question[Any]) -> GateState:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


GATES: dict[str, Gate[Any]] = {
    "people": People(),
    "confirm": Confirm(),
    "standard": Standard(),
    "ticket": Scripted("ticket", GateState(gate="ticket", state="open")),
}


@dataclass
class Scene:
    """A plan with its gates, and what was said so far."""

    required: Sequence[Requirement] = (
        Requirement("people", "people", {"approvers": 2, "roles": ["network"]}, ("interrupting",)),
        Requirement("security", "people", {"approvers": 1, "roles": ["security"]}, ("interrupting",)),
    )
    gates: Mapping[str, Gate] = field(default_factory=lambda: GATES)
    case: Case = field(default_factory=a_case)
    plan: Plan = field(default_factory=lambda: a_plan("interrupting"))
    decisions: Sequence[Decision] = ()
    sightings: Sequence[Sighting] = ()
    asked_at: datetime | None = NOW

    def matter(self) -> Matter:
        inventory = an_inventory()
        return Matter(
            inventory,
            inventory.sites["campus"],
            self.case,
            self.plan,
            self.required,
            self.gates,
            self.decisions,
            self.sightings,
            self.asked_at,
        )

    async def states(self, now: datetime = NOW, **more: Any) -> dict[str, GateState]:
        found = await evaluate(self.matter(), now=now, **more)
        return {state.gate: state for state in found}


def network(actor: str, **more: Any) -> Decision:
    return a_decision(actor, roles=["network"], **more)


def a_sighting(actor: str, fingerprint: str | None = None) -> Sighting:
    return Sighting(
        id="s1",
        kind="person",
        fingerprint=fingerprint,
        at=NOW,
        received_at=NOW,
        source="cli",
        actor=actor,
        level="authenticated",
    )


TERMINAL = (
    Requirement("confirm", "confirm", {}, ("delete-pin",)),
    Requirement("security", "confirm", {}, ()),
)
TICKET = (Requirement("ticket", "ticket", {}, ("delete-pin",)),)

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
    pytest.param(Scene(), network("ann", at=NOW + 72 * HOUR), "expired", id="nobody decided in time"),
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


# -- what counts when the gates are asked ------------------------------------------------------------

STANDING: list[Any] = [
    pytest.param(Scene(), "shut", "2 persons", id="silence is never a yes"),
    pytest.param(Scene(decisions=[network("ann")]), "shut", "one person more", id="one of two is not enough"),
    pytest.param(Scene(decisions=[network("ann"), network("ben")]), "open", None, id="two of two are"),
    pytest.param(Scene(decisions=[network("ann"), network("ben"), network("cy")]), "open", None, id="three are too"),
    pytest.param(
        Scene(decisions=[network("ann"), network("ann")]),
        "shut",
        "one person more",
        id="a double vote that got into the ledger counts once",
    ),
    pytest.param(
        Scene(decisions=[network("ann"), network("person:ANN")]),
        "shut",
        "one person more",
        id="so does one under another spelling",
    ),
    pytest.param(
        Scene(decisions=[network("ann"), a_decision("ben")]),
        "shut",
        "one person more",
        id="a recorded yes without the role does not count",
    ),
    pytest.param(
        Scene(case=a_case(requested_by="ben"), decisions=[network("ann"), network("ben")]),
        "shut",
        "one person more",
        id="nor the requester's",
    ),
    pytest.param(
        Scene(sightings=[a_sighting("ben", "SHA256:aa")], decisions=[network("ann"), network("ben")]),
        "shut",
        "one person more",
        id="nor that of who attested",
    ),
    pytest.param(
        Scene(decisions=[network("ann"), network("ben", reason=" ")]),
        "shut",
        "one person more",
        id="nor one without a reason",
    ),
    pytest.param(
        Scene(decisions=[network("ann"), network("ben", digest=OLD)]),
        "shut",
        "one person more",
        id="nor one on an old digest",
    ),
    pytest.param(
        Scene(decisions=[network("ann"), network("ben", case="c9")]),
        "shut",
        "one person more",
        id="nor one replayed from another case",
    ),
    pytest.param(
        Scene(decisions=[network("ann"), a_decision("ben", "security", roles=["network"])]),
        "shut",
        "one person more",
        id="nor one at another gate",
    ),
    pytest.param(
        Scene(decisions=[network("ann"), network("ben"), network("cy", yes=False)]),
        "closed",
        "cy said no",
        id="a no outweighs every yes",
    ),
    pytest.param(
        Scene(decisions=[network("ann", at=NOW - 72 * HOUR), network("ben")]),
        "closed",
        "expired",
        id="an expiry closes",
    ),
    pytest.param(Scene(asked_at=NOW - 72 * HOUR), "closed", "expired", id="so does waiting for nobody"),
    pytest.param(Scene(asked_at=None), "shut", "2 persons", id="unless nobody was asked yet"),
]


@pytest.mark.parametrize(("scene", "state", "needs"), STANDING)
async def test_standing(scene: Scene, state: str, needs: str | None) -> None:
    """Each row is how the people's gate stands after what was said."""
    found = (await scene.states())["people"]
    assert found.state == state
    assert (found.needs is None) if needs is None else (needs in (found.needs or ""))


async def test_going_on_with_an_approved_plan_takes_no_yes_back() -> None:
    """Who said yes and then started the next pass joined the planners, and the yes counts all the same."""
    said = [network("person:ann"), network("person:ben")]
    later = Scene(decisions=said, case=a_case(planners=["service", "person:ann"]))
    assert (await later.states())["people"].state == "open"
    first = Scene(decisions=said, case=a_case(planners=["person:ann", "service"]))
    assert (await first.states())["people"].state == "shut"


async def test_gates_are_told_apart() -> None:
    """Each requirement stands for itself: people open, security still shut."""
    states = await Scene(decisions=[network("ann"), network("ben")]).states()
    assert {label: state.state for label, state in states.items()} == {"people": "open", "security": "shut"}


async def test_each_further_gate_brings_in_a_further_person() -> None:
    """A yes at security does not count where the same person said yes for people, whatever their roles."""
    said = [network("ann"), network("ben"), a_decision("ann", "security", roles=["network", "security"])]
    assert (await Scene(decisions=said).states())["security"].state == "shut"
    said.append(a_decision("cy", "security", roles=["security"]))
    assert (await Scene(decisions=said).states())["security"].state == "open"


async def test_confirm_and_its_security_ask_differently() -> None:
    """``--yes`` is a yes at confirm and opens nothing else; security asks for more, in its own words."""
    states = await Scene(required=TERMINAL, decisions=[a_decision("ann", "confirm")]).states()
    assert states["confirm"].state == "open"
    assert states["security"].state == "shut"
    assert "--accept-unproven" in (states["security"].needs or "")


async def test_standard_opens_for_proven_evidence_alone() -> None:
    """A standard change is open where evidence is proven, and shut for anything less."""
    required = (Requirement("standard", "standard", {}, ("delete-pin",)),)
    for grade in (Grade.PROVEN, Grade.SUPPORTED, Grade.NONE):
        states = await Scene(required=required, plan=a_plan("delete-pin", grade=grade)).states()
        assert (states["standard"].state == "open") is (grade is Grade.PROVEN)


async def test_contradicted_passes_no_gate() -> None:
    """Contradicted evidence is refused even where a plan for it got this far."""
    with pytest.raises(Refused):
        await Scene(plan=a_plan("delete-pin", grade=Grade.CONTRADICTED)).states()


# -- gates that misbehave ----------------------------------------------------------------------------

MISBEHAVED: list[Any] = [
    pytest.param(Scripted("x", RuntimeError("no route")), "RuntimeError: no route", id="one that raises"),
    pytest.param(Scripted("x", None), "understood", id="one that says nothing"),
    pytest.param(Scripted("x", True), "understood", id="one that says True"),
    pytest.param(
        Scripted("x", GateState(gate="x", state="shut").model_copy(update={"state": "ajar"})),
        "understood",
        id="one that says an unknown word",
    ),
    pytest.param(
        Scripted("x", GateState(gate="x", state="open"), by_person=True),
        "silence",
        id="one that a person opens, open without a yes",
    ),
]


@pytest.mark.parametrize(("gate", "needs"), MISBEHAVED)
async def test_misbehaving_gate_is_shut(gate: Scripted, needs: str) -> None:
    """Whatever is not a clear open is shut and says what is wrong; the other gates are asked all the same."""
    required = (Requirement("x", "x", {}, ()), *TICKET)
    states = await Scene(required=required, gates={**GATES, "x": gate}).states()
    assert states["x"].state == "shut"
    assert needs in (states["x"].needs or "")
    assert states["ticket"].state == "open"


async def test_unprovided_gate_is_shut() -> None:
    """A gate that nothing provides any more is shut, never open."""
    states = await Scene(required=(Requirement("x", "gone", {}, ()),)).states()
    assert (states["x"].state, "'gone'" in (states["x"].needs or "")) == ("shut", True)


async def test_wrong_settings_are_shut() -> None:
    """A gate whose settings became wrong is shut, and nobody may decide at it."""
    scene = Scene(required=(Requirement("people", "people", {"approvers": "many"}, ()),))
    assert (await scene.states())["people"].state == "shut"
    assert may_decide(network("ann"), scene.matter()) is not None


async def test_silent_gate_is_shut_after_its_limit() -> None:
    """A gate that does not answer holds up a pass for the limit, not for ever."""

    class Silent(Scripted):
        async def state(self, question: Question[Any]) -> GateState:
            await asyncio.Event().wait()
            raise AssertionError

    scene = Scene(required=(Requirement("x", "x", {}, ()),), gates={"x": Silent("x", None)})
    states = await scene.states(limit=timedelta(milliseconds=20))
    assert states["x"].state == "shut"
    assert "none came within 0.02 s" in (states["x"].needs or "")


async def test_cancelling_a_pass_is_no_answer() -> None:
    """Cancellation passes through; it is not taken for a gate that raised."""
    scene = Scene(required=(Requirement("x", "x", {}, ()),), gates={"x": Scripted("x", None)})

    class Cancelled(Scripted):
        async def state(self, question: Question[Any]) -> GateState:
            raise asyncio.CancelledError

    scene.gates = {"x": Cancelled("x", None)}
    with pytest.raises(asyncio.CancelledError):
        await scene.states()


async def test_secrets_in_a_gate_s_error_are_masked() -> None:
    """What a foreign error or a person's reason says is redacted before it is shown."""
    redactor = Redactor("hunter2-and-more")
    required = (Requirement("x", "x", {}, ()), Requirement("people", "people", {}, ()))
    scene = Scene(
        required=required,
        gates={**GATES, "x": Scripted("x", ValueError("pw hunter2-and-more"))},
        decisions=[a_decision("ann", yes=False, reason="it is hunter2-and-more")],
    )
    states = await scene.states(redact=redactor.redact)
    assert "hunter2" not in f"{states}"
    assert "pw " in (states["x"].needs or "")


async def test_a_gate_cannot_speak_for_another() -> None:
    """A gate's answer is taken for its own requirement, whatever label it writes."""
    liar = Scripted("x", GateState(gate="people", state="open"))
    required = (Requirement("x", "x", {}, ()), Requirement("people", "people", {}, ()))
    states = await Scene(required=required, gates={**GATES, "x": liar}).states()
    assert {label: s.state for label, s in states.items()} == {"x": "open", "people": "shut"}


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

SAID = st.lists(
    st.builds(
        lambda actor, gate, yes, roles, digest, hours, reason: a_decision(
            actor, gate, yes=yes, roles=roles, digest=digest, at=NOW + hours * HOUR, reason=reason
        ),
        st.sampled_from(["ann", "person:Ann", "ben", "cy", "dee", "req"]),
        st.sampled_from(["people", "security"]),
        st.sampled_from([True, True, True, False]),
        st.lists(st.sampled_from(["network", "security"]), max_size=2),
        st.sampled_from([DIGEST, DIGEST, OLD]),
        st.integers(-90, 0),
        st.sampled_from(["change 42", "ok", " "]),
    ),
    max_size=8,
)


@given(said=SAID)
@settings(max_examples=many(400))
def test_open_means_enough_people(said: list[Decision]) -> None:
    """An open gate has as many different, entitled, uninvolved persons' fresh yeses."""
    scene = Scene(decisions=said, case=a_case(requested_by="person:req"), asked_at=None)
    states = asyncio.run(scene.states())
    for label, count, role in (("people", 2, "network"), ("security", 1, "security")):
        fresh = {
            d.actor.lower().removeprefix("person:")
            for d in said
            if d.gate == label
            and d.yes
            and d.digest == DIGEST
            and role in d.roles
            and d.reason.strip()
            and NOW - d.at < 72 * HOUR
        } - {"req"}
        refused = any(d.gate == label and not d.yes and d.digest == DIGEST for d in said)
        if states[label].state == "open":
            assert len(fresh) >= count
            assert not refused
        if refused:
            assert states[label].state == "closed"


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
