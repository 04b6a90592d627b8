"""The shapes that ``--json`` prints, which programs of others read."""

from __future__ import annotations

import json

from retrust.models import GateState, StepResult
from retrust.present.json import check_object, plan_object, run_object, unplanned_object, unread_object
from retrust.testing.ledgers import plan

PLAN = plan()
GATES = [GateState(gate="people", state="open", needs="1 of network")]


def test_a_site_that_could_not_be_looked_at_has_the_same_keys() -> None:
    """A program reads one shape, whatever happened."""
    assert unread_object("campus", "down").keys() == check_object(PLAN.snapshot).keys()
    unplanned = unplanned_object("campus", "down")
    assert unplanned.keys() == plan_object(PLAN.snapshot, PLAN, GATES).keys()
    assert (unplanned["site"], unplanned["problems"], unplanned["digest"]) == ("campus", ["down"], None)


def test_a_pin_is_told_with_what_its_endpoint_presents() -> None:
    """And with the verdict and its reasons; what was not seen is null."""
    (pin,) = check_object(PLAN.snapshot)["pins"]
    assert (pin["holder"], pin["key"], pin["endpoint"]) == ("primary", "10.0.0.12_8082", "10.0.0.12:8082")
    assert (pin["verdict"], len(pin["reasons"])) == ("stale", 1)
    finding = PLAN.snapshot.findings[0]
    assert finding.presented is not None
    assert pin["presented"]["fingerprint"] == finding.presented.fingerprint
    unseen = PLAN.snapshot.model_copy(
        update={"findings": (finding.model_copy(update={"presented": None, "endpoint": None}),)}
    )
    (pin,) = check_object(unseen)["pins"]
    assert (pin["presented"], pin["endpoint"]) == (None, None)


def test_a_plan_tells_what_it_would_send_and_which_gates_stand_before_it() -> None:
    """Without a plan there are no steps and no digest."""
    told = plan_object(PLAN.snapshot, PLAN, GATES)
    assert [step["sends"] for step in told["steps"]] == [list(step.sends) for step in PLAN.steps]
    assert told["gates"] == [{"gate": "people", "state": "open", "needs": "1 of network"}]
    assert plan_object(PLAN.snapshot, None, [])["digest"] is None
    assert plan_object(PLAN.snapshot, None, [])["steps"] == []


def test_a_step_that_was_not_reached_has_no_result() -> None:
    """Each other one has its own."""
    done = StepResult(step="delete-1", result="done")
    told = run_object(PLAN.snapshot, PLAN, GATES, case="c1", outcome="failed", results=[done], message="down")
    assert {step["id"]: step["result"] for step in told["steps"]} == {"delete-1": "done", "register-1": None}
    assert (told["case"], told["outcome"], told["message"]) == ("c1", "failed", "down")
    assert json.loads(json.dumps(told)) == told
