"""Plans, cases and questions of tests are valid, and alike unless a test says otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from retrust.gates import Gate, GateSettings, Question
from retrust.models import GateState, Grade, Verdict
from retrust.testing.plans import DIGEST, NOW, a_case, a_decision, a_plan, a_question, an_inventory


class Sized(GateSettings):
    size: int = 1


class SizedGate(Gate[Sized]):
    name = "sized"
    settings_model = Sized

    async def state(self, asked: Question[Sized]) -> GateState:
        return GateState(gate=self.name, state="open")


def test_a_plan_has_a_step_of_each_risk_named() -> None:
    """In that order, with identities of their own, over one stale pin of the grade."""
    plan = a_plan("delete-pin", "interrupting", grade=Grade.SUPPORTED)
    assert [step.risk for step in plan.steps] == ["delete-pin", "interrupting"]
    assert len({step.id for step in plan.steps}) == 2
    (finding,) = plan.snapshot.findings
    assert (finding.verdict, finding.evidence.grade) == (Verdict.STALE, Grade.SUPPORTED)


def test_plan_case_and_decision_fit_together() -> None:
    """So that a decision counts, unless a test gives it another digest."""
    assert a_plan().digest == a_case().digest == a_decision("person:bob").digest == DIGEST
    assert a_decision("person:bob").case == a_case().id
    assert a_plan().site == a_case().site


def test_a_question_asks_with_settings_that_the_gate_accepts() -> None:
    """They are validated by the gate's own model, as the engine does; the time is the one that is told."""
    asked: Any = a_question(SizedGate(), {"size": "3"})
    assert (asked.settings.size, asked.now) == (3, NOW)
    with pytest.raises(ValidationError):
        a_question(SizedGate(), {"colour": "red"})


def test_an_inventory_has_the_people_and_policy_that_are_named() -> None:
    """And one site."""
    inventory = an_inventory({"delete-pin": [{"gate": "people"}]}, people={"ann": ["network"]})
    assert inventory.people["ann"].roles == ("network",)
    assert "delete-pin" in inventory.sites["campus"].policy.model_dump()
