"""What a gate is, and the two that the core has."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from retrust.gates import Confirm, Gate, GateSettings, PersonSettings, Question, Standard
from retrust.models import GateState, Grade
from retrust.testing.plans import a_decision, a_plan, a_question, an_inventory


class Sized(GateSettings):
    size: int = 1


class Least(Gate[Sized]):
    """A gate that leaves all that it may as it is."""

    name, settings_model = "least", Sized

    async def state(self, question: Question[Sized]) -> GateState:
        return GateState(gate=self.name, state="open" if question.settings.size > 1 else "shut", needs="size")


async def test_a_gate_needs_no_more_than_its_state() -> None:
    """It is not a person's, is not asked of every plan, approves nothing, and doubts nothing."""
    gate = Least()
    assert (gate.by_person, gate.always, gate.approves, gate.at_terminal) == (False, False, False, False)
    assert tuple(gate.check(Sized(), an_inventory())) == ()
    assert (await gate.state(a_question(gate, {"size": 2}))).state == "open"
    assert (await gate.state(a_question(gate))).state == "shut"


def test_only_the_same_settings_are_covered_without_a_rule() -> None:
    """Where the gate does not say what implies what, two requirements are two."""
    assert Least().covers(Sized(size=2), Sized(size=2))
    assert not Least().covers(Sized(size=2), Sized(size=1))


@pytest.mark.parametrize(
    "wrong", [{"siz": 2}, {"approvers": 0}, {"approvers": 21}, {"approvers": "2"}, {"signed": "yes"}]
)
def test_settings_of_a_persons_gate_are_strict(wrong: dict[str, Any]) -> None:
    """A misspelt key or a word in place of a number changes who may decide: it is refused."""
    with pytest.raises(ValidationError):
        PersonSettings.model_validate(wrong)


@pytest.mark.parametrize("label", ["confirm", "security", "recurrence", "confirm:interrupting"])
async def test_confirm_opens_by_a_yes_at_the_terminal_alone(label: str) -> None:
    """Shut, it says how to say yes there; for `security` and `recurrence` that is more than `--yes`."""
    asked = a_question(Confirm())
    asked = Question(**vars(asked) | {"requirement": asked.requirement.__class__(label, "confirm", {}, ())})
    shut = await Confirm().state(asked)
    assert (shut.gate, shut.state) == (label, "shut")
    assert ("--yes" in (shut.needs or "")) is label.startswith("confirm")
    yes = Question(**vars(asked) | {"decisions": (a_decision("person:ann", label),)})
    assert await Confirm().state(yes) == GateState(gate=label, state="open")


@pytest.mark.parametrize("grade", [g for g in Grade if g is not Grade.CONTRADICTED])
async def test_standard_opens_for_proven_evidence_alone(grade: Grade) -> None:
    """A change that was approved beforehand needs proof; the gate says which grade there is."""
    stands = await Standard().state(a_question(Standard(), plan=a_plan("delete-pin", grade=grade)))
    if grade is Grade.PROVEN:
        assert stands.state == "open"
    else:
        assert (stands.state, stands.needs) == ("shut", f"proven evidence; it is {grade.value}")
