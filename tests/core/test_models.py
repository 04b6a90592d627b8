"""The words of the domain: frozen, and what is derived from them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from kit.model import certificate
from retrust.models import (
    Answers,
    Collected,
    Endpoint,
    Evidence,
    Finding,
    FirstUse,
    Grade,
    Pin,
    Plan,
    Presented,
    Progress,
    Sighting,
    Step,
    Verdict,
)
from retrust.testing.plans import NOW, a_plan

SEEN = Evidence(
    grade=Grade.PROVEN,
    collected=(Collected(collector="x", answers=Answers.HOLDER_SEES_IT, grade=Grade.SUPPORTED, detail=""),),
)


def a_sighting(**said: Any) -> Sighting:
    told = {"id": "s1", "kind": "log", "at": NOW, "received_at": NOW, "source": "x", "actor": "y"}
    return Sighting.model_validate(told | said)


def a_pin(key: str = "10.0.0.12_8082") -> Pin:
    return Pin(holder="primary", key=key, subject="CN=x", line=key)


def planned(*findings: Finding, first_use: FirstUse | None = "written", steps: int = 1) -> Plan:
    """A plan that deletes the pins of these findings, each ``steps`` times."""
    plan = a_plan("delete-pin")
    deletes = tuple(
        plan.steps[0].model_copy(update={"id": f"{f.pin.key}-{n}", "argument": f.pin.key})
        for f in findings
        for n in range(steps)
    )
    snapshot = plan.snapshot.model_copy(update={"findings": findings})
    return plan.model_copy(update={"steps": deletes, "snapshot": snapshot, "first_use": first_use})


def stale(key: str = "10.0.0.12_8082", **said: Any) -> Finding:
    return Finding(pin=a_pin(key), verdict=Verdict.STALE, **{"evidence": SEEN} | said)


def test_models_do_not_change_and_pass_over_nothing() -> None:
    """What was approved stays as it was; a key that nobody knows is refused."""
    endpoint: Any = Endpoint(host="a", port=1)
    with pytest.raises(ValidationError, match="frozen"):
        endpoint.port = 2
    with pytest.raises(ValidationError, match="prot"):
        Endpoint.model_validate({"host": "a", "port": 1, "prot": 2})


@pytest.mark.parametrize(
    ("host", "text"), [("10.0.0.1", "10.0.0.1:8082"), ("a.b", "a.b:8082"), ("2001:db8::1", "[2001:db8::1]:8082")]
)
def test_an_endpoint_is_written_as_it_is_typed(host: str, text: str) -> None:
    """An IPv6 address stands in brackets."""
    assert str(Endpoint(host=host, port=8082)) == text


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    """Nothing can be looked at there."""
    with pytest.raises(ValidationError):
        Endpoint(host="a", port=port)


def test_an_edge_is_named_in_one_way() -> None:
    """By the pin, by the step that deletes it, and in the plan."""
    pin, plan = a_pin(), planned(stale())
    assert pin.edge == plan.steps[0].unpins == "primary:10.0.0.12_8082"
    assert plan.steps[0].model_copy(update={"kind": "register-ha"}).unpins is None


def test_who_is_not_known_to_speak_hands_in_a_hint() -> None:
    """A source that says nothing of its level is believed in nothing."""
    assert a_sighting().is_hint
    assert not a_sighting(level="authenticated").is_hint


@pytest.mark.parametrize(("dn", "is_cut"), [(None, False), ("CN=x", False), ("CN=x…", True), ("…CN=x", False)])
def test_a_name_that_was_cut_is_known_as_such(dn: str | None, is_cut: bool) -> None:
    """By what stands at its end."""
    assert a_sighting(dn=dn).has_cut_name is is_cut


def test_grades_have_an_order() -> None:
    """A contradiction is worse than nothing."""
    assert sorted(Grade, key=lambda g: g.rank) == [Grade.CONTRADICTED, Grade.NONE, Grade.SUPPORTED, Grade.PROVEN]


def test_the_chain_of_a_certificate_is_not_written_down() -> None:
    """It is for looking; the ledger and JSON have its fingerprints."""
    seen = certificate("a").model_copy(update={"chain": (b"DER",)})
    assert "chain" not in seen.model_dump()
    assert Presented.model_validate(seen.model_dump()).fingerprint == seen.fingerprint


def test_progress_is_told_with_its_measure() -> None:
    """Where the work has one."""
    assert [str(Progress("copies", 7)), str(Progress("waits")), str(Progress("copies", 0))] == [
        "copies 7 %",
        "waits",
        "copies 0 %",
    ]


def test_a_plan_deletes_each_pin_once_however_many_steps_are_about_it() -> None:
    """In the order of its steps; pins that it does not touch are not among them."""
    first, second, other = stale("b_1"), stale("a_1"), stale("c_1")
    plan = planned(first, second, steps=2)
    plan = plan.model_copy(update={"snapshot": plan.snapshot.model_copy(update={"findings": (other, second, first)})})
    assert plan.unpinned == (first, second)


def test_a_plan_is_as_good_as_its_worst_evidence() -> None:
    """Of the pins that it deletes; one that deletes none has nothing to prove."""
    weak = stale("b_1", evidence=Evidence(grade=Grade.NONE))
    assert planned(stale(), weak).grade is Grade.NONE
    assert planned(stale()).grade is Grade.PROVEN
    assert planned().grade is Grade.PROVEN


def test_a_plan_says_who_brought_in_what_it_rests_on() -> None:
    """Each of them once, of the pins that it deletes."""
    plan = planned(stale(said_by=("person:ann", "service")), stale("b_1", said_by=("service",)))
    assert plan.said_by == {"person:ann", "service"}


UNSEEN_PATH = Evidence(grade=Grade.SUPPORTED)


@pytest.mark.parametrize(
    ("finding", "first_use", "risks"),
    [
        (stale(), "written", []),
        (stale(), None, []),
        (stale(evidence=UNSEEN_PATH), "written", ["the path is unseen"]),
        (stale(), "blind", ["the first use is blind: after the delete primary will pin"]),
        (stale(rests_on="an unproven look"), "written", []),
        (stale(rests_on="hints"), "written", ["it rests on a message that anybody can send"]),
        (
            stale(evidence=UNSEEN_PATH, rests_on="hints"),
            "blind",
            ["the path is unseen", "the first use is blind", "it rests on a message"],
        ),
    ],
)
def test_a_plan_says_which_risk_is_left(finding: Finding, first_use: FirstUse | None, risks: list[str]) -> None:
    """A sentence each: a path nobody saw, a blind first use, a reason that anybody could give."""
    said = planned(finding, first_use=first_use).unseen
    assert len(said) == len(risks)
    assert all(text.startswith(risk) for text, risk in zip(said, risks, strict=True))


def test_a_first_use_is_blind_only_where_a_pin_is_deleted() -> None:
    """A plan that only registers HA makes nobody pin anew."""
    assert planned(stale(), first_use="blind").is_blind
    assert not planned(first_use="blind").is_blind


def test_a_step_takes_no_less_than_no_time() -> None:
    """A change window must have the time of the steps that are left."""
    with pytest.raises(ValidationError):
        Step(id="1", stage="s", kind="k", holder="h", argument="a", risk="r", takes=-1)
