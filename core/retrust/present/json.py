"""What ``--json`` prints: the stable shapes of snapshots, plans and runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from retrust.models import Finding, GateState, Plan, Snapshot, Step, StepResult


def check_object(snapshot: Snapshot) -> dict[str, Any]:
    """``retrust check --json`` of one site."""
    return {
        "site": snapshot.site,
        "observed_at": snapshot.observed_at.isoformat(),
        "pins": [_pin(f) for f in snapshot.findings],
        "relations": {name: r.model_dump(mode="json") if r else None for name, r in snapshot.relations.items()},
        "problems": list(snapshot.problems),
    }


def unread_object(site: str, problem: str) -> dict[str, Any]:
    """``check``'s object of a site that could not be looked at."""
    return {"site": site, "observed_at": None, "pins": [], "relations": {}, "problems": [problem]}


def unplanned_object(site: str, problem: str) -> dict[str, Any]:
    """``plan``'s object of such a site."""
    return unread_object(site, problem) | {"digest": None, "steps": [], "unseen": [], "gates": []}


def _pin(finding: Finding) -> dict[str, Any]:
    seen = finding.presented
    return {
        "holder": finding.pin.holder,
        "key": finding.pin.key,
        "subject": finding.pin.subject,
        "endpoint": str(finding.endpoint) if finding.endpoint else None,
        "presented": {"fingerprint": seen.fingerprint, "subject": seen.subject, "not_after": seen.not_after.isoformat()}
        if seen
        else None,
        "verdict": finding.verdict.value,
        "reasons": list(finding.reasons),
        "evidence": {
            "grade": finding.evidence.grade.value,
            "collected": [
                {"collector": c.collector, "grade": c.grade.value, "detail": c.detail}
                for c in finding.evidence.collected
            ],
        },
    }


def plan_object(snapshot: Snapshot, plan: Plan | None, gates: Iterable[GateState]) -> dict[str, Any]:
    """``retrust plan --json``: check's object, the steps, their digest and the gates."""
    return check_object(snapshot) | {
        "digest": plan.digest if plan else None,
        "steps": [_step(s) for s in plan.steps] if plan else [],
        "unseen": list(plan.unseen) if plan else [],
        "gates": [{"gate": g.gate, "state": g.state, "needs": g.needs} for g in gates],
    }


def _step(step: Step) -> dict[str, Any]:
    return step.model_dump(mode="json", exclude={"relation"})


def run_object(
    snapshot: Snapshot,
    plan: Plan | None,
    gates: Iterable[GateState],
    *,
    case: str | None,
    outcome: str,
    results: Sequence[StepResult],
    message: str | None = None,
) -> dict[str, Any]:
    """``retrust run --json``: plan's object, the case, its outcome, and each step's result (None: not reached)."""
    whole = plan_object(snapshot, plan, gates)
    by_step = {r.step: r for r in results}
    for step in whole["steps"]:
        result = by_step.get(step["id"])
        step["result"] = result.result if result else None
    return whole | {"case": case, "outcome": outcome, "message": message}
