"""The digest covers what a person decides on, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from retrust.models import Grade, Pin, Plan, Verdict
from retrust.runs.plan import bind, digest
from retrust.testing.plans import NOW, a_plan

PLAN = a_plan("delete-pin")


def with_finding(plan: Plan, **changes: Any) -> Plan:
    (finding,) = plan.snapshot.findings
    snapshot = plan.snapshot.model_copy(update={"findings": (finding.model_copy(update=changes),)})
    return plan.model_copy(update={"snapshot": snapshot})


def with_step(plan: Plan, **changes: Any) -> Plan:
    return plan.model_copy(update={"steps": (plan.steps[0].model_copy(update=changes), *plan.steps[1:])})


def with_grade(grade: Grade) -> Plan:
    (finding,) = PLAN.snapshot.findings
    return with_finding(PLAN, evidence=finding.evidence.model_copy(update={"grade": grade}))


OTHERS = {
    "the site": PLAN.model_copy(update={"site": "other"}),
    "the target": PLAN.model_copy(update={"target": "other"}),
    "the pin's line": with_finding(PLAN, pin=PLAN.snapshot.findings[0].pin.model_copy(update={"line": "another"})),
    "the grade": with_grade(Grade.SUPPORTED),
    "what is sent": with_step(PLAN, sends=("something else",)),
    "the state before": with_step(PLAN, before="another"),
    "the state after": with_step(PLAN, after="another"),
    "the expected fingerprint": with_step(PLAN, expected={"primary:10.0.0.12_8082": "SHA256:x"}),
    "the risk class": with_step(PLAN, risk="interrupting"),
    "the policy": PLAN.model_copy(update={"policy": ("two persons",)}),
    "a secret's commitment": PLAN.model_copy(update={"commitments": {"env:A": "1"}}),
    "the digest that it follows": PLAN.model_copy(update={"follows": "sha256:1"}),
    "one step more": PLAN.model_copy(update={"steps": PLAN.steps * 2}),
}
SAME = {
    "the time": PLAN.model_copy(
        update={"snapshot": PLAN.snapshot.model_copy(update={"observed_at": NOW + timedelta(days=1)})}
    ),
    "a pin that it does not touch": PLAN.model_copy(
        update={
            "snapshot": PLAN.snapshot.model_copy(
                update={
                    "findings": (
                        *PLAN.snapshot.findings,
                        PLAN.snapshot.findings[0].model_copy(
                            update={
                                "pin": Pin(holder="primary", key="x_1", subject="CN=x", line="x"),
                                "verdict": Verdict.FRESH,
                            }
                        ),
                    )
                }
            )
        }
    ),
    "reasons": with_finding(PLAN, reasons=("another",)),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_what_is_bound(other: Plan) -> None:
    """Any change of it is another plan, which asks for new decisions."""
    assert digest(other) != digest(PLAN)


@pytest.mark.parametrize("other", SAME.values(), ids=SAME)
def test_what_is_not_bound(other: Plan) -> None:
    """Times, and pins that the plan does not touch, leave a decision as it is."""
    assert digest(other) == digest(PLAN)


def test_binding_sets_the_digest_last() -> None:
    """The digest is over the plan with all that was bound."""
    bound = bind(PLAN, policy=("one person",))
    assert bound.policy == ("one person",)
    assert bound.digest == digest(bound) != digest(PLAN)
