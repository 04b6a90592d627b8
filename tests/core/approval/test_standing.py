"""How gates stand: which yeses count when they are asked, and what a gate that misbehaves is taken for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings

from kit.counts import many
from kit.deciding import GATES, HOUR, OLD, SAID, TERMINAL, TICKET, Scene, Scripted, a_sighting, network
from retrust.approval import may_decide
from retrust.approval.standing import at_any_plan
from retrust.errors import Refused
from retrust.gates import Confirm, Question, Requirement
from retrust.inventory import Inventory, Site
from retrust.models import Decision, GateState, Grade
from retrust.secrets.redaction import Redactor
from retrust.testing.plans import DIGEST, NOW, a_case, a_decision, a_plan

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


class AtAnyPlan(Confirm):
    """Says how it stands without a plan, or raises it."""

    by_person = at_terminal = False

    def __init__(self, name: str, answer: Any) -> None:
        self.name, self.answer = name, answer

    async def at_any_plan(self, settings: Any, now: Any) -> GateState | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_gates_that_look_at_no_plan() -> None:
    """Of those that the policy names: what each says, nothing of one that needs a plan, shut where one fails."""
    opened = GateState(gate="window", state="open")
    gates = [AtAnyPlan("window", opened), AtAnyPlan("faulty", KeyError("x")), Confirm(), AtAnyPlan("unnamed", opened)]
    asked = [{"gate": name} for name in ("window", "faulty", "confirm")]
    site = Site(name="campus", target="x", policy={"delete-pin": asked})
    host: Any = SimpleNamespace(gates={gate.name: gate for gate in gates}, inventory=Inventory({"campus": site}))
    assert await at_any_plan(host, site, NOW) == (
        opened,
        GateState(gate="faulty", state="shut", needs="a working gate: it failed with KeyError"),
    )


async def test_a_gate_cannot_speak_for_another() -> None:
    """A gate's answer is taken for its own requirement, whatever label it writes."""
    liar = Scripted("x", GateState(gate="people", state="open"))
    required = (Requirement("x", "x", {}, ()), Requirement("people", "people", {}, ()))
    states = await Scene(required=required, gates={**GATES, "x": liar}).states()
    assert {label: s.state for label, s in states.items()} == {"x": "open", "people": "shut"}


# -- whatever was said -----------------------------------------------------------------------------


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
