"""Plans, cases and decisions for tests of gates and policies: small, valid, and never observed anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from retrust.gates import Gate, Question, Requirement
from retrust.inventory import Inventory, Person, Site
from retrust.inventory.model import Policy
from retrust.ledger import Case
from retrust.models import Decision, Evidence, Finding, FirstUse, Grade, Pin, Plan, RestsOn, Snapshot, Step, Verdict
from retrust.states import State

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DIGEST = "sha256:" + "1" * 64


def a_plan(
    *risks: str,
    grade: Grade = Grade.PROVEN,
    digest: str = DIGEST,
    site: str = "campus",
    first_use: FirstUse = "written",
    rests_on: RestsOn | None = None,
) -> Plan:
    """A plan with one step of each risk class, over one stale pin of that grade."""
    pin = Pin(holder="primary", key="10.0.0.12_8082", subject="CN=prime-sec", line="host=10.0.0.12_8082; …")
    finding = Finding(pin=pin, verdict=Verdict.STALE, evidence=Evidence(grade=grade), rests_on=rests_on)
    steps = tuple(
        Step(
            id=f"{number}",
            stage="delete",
            kind="delete-pin",
            holder=pin.holder,
            argument=pin.key,
            risk=risk,
            sends=(f"delete {pin.key}",),
            before="listed",
            after="not listed",
        )
        for number, risk in enumerate(risks, 1)
    )
    snapshot = Snapshot(site=site, target="test", observed_at=NOW, findings=(finding,))
    return Plan(site=site, target="test", snapshot=snapshot, steps=steps, digest=digest, first_use=first_use)


def a_case(
    *,
    state: State = State.WAITING,
    requested_by: str = "source:syslog",
    planners: Sequence[str] = (),
    digest: str | None = DIGEST,
    id: str = "c1",
    site: str = "campus",
) -> Case:
    return Case(
        id=id,
        site=site,
        state=state,
        opened_at=NOW,
        updated_at=NOW,
        cause="a log line",
        requested_by=requested_by,
        planners=tuple(planners),
        digest=digest,
    )


def an_inventory(
    policy: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    *,
    people: Mapping[str, Sequence[str]] | None = None,
    site: str = "campus",
) -> Inventory:
    """One site with this policy; ``people`` are names with their roles."""
    persons = {name: Person(name=name, roles=tuple(roles)) for name, roles in (people or {}).items()}
    # Built without the file's validation: what a test may say of a policy is not what an inventory may.
    return Inventory(sites={site: a_site(site, policy or {})}, people=persons)


def a_site(name: str, policy: Mapping[str, Any]) -> Site:
    return Site(name=name, target="test").model_copy(update={"policy": Policy.model_validate(dict(policy))})


def a_decision(
    actor: str,
    gate: str = "people",
    *,
    yes: bool = True,
    roles: Sequence[str] = (),
    reason: str = "change 42",
    at: datetime = NOW,
    digest: str = DIGEST,
    case: str = "c1",
) -> Decision:
    return Decision(case=case, digest=digest, gate=gate, yes=yes, actor=actor, roles=tuple(roles), reason=reason, at=at)


def a_question(
    gate: Gate[Any],
    settings: Mapping[str, Any] | None = None,
    *,
    decisions: Sequence[Decision] = (),
    now: datetime = NOW,
    plan: Plan | None = None,
    case: Case | None = None,
    inventory: Inventory | None = None,
    **more: Any,
) -> Question[Any]:
    """What the engine would ask this gate, with these settings, at that time."""
    asked = inventory or an_inventory()
    requirement = Requirement(gate.name, gate.name, settings or {}, ("delete-pin",))
    validated = gate.settings_model.model_validate(dict(settings or {}), context=asked.context)
    return Question(
        requirement=requirement,
        settings=validated,
        case=case or a_case(),
        plan=plan or a_plan("delete-pin"),
        decisions=tuple(decisions),
        inventory=asked,
        now=now,
        valid_for=asked.sites["campus"].clocks.decision,
        **more,
    )
