"""A plan as a change manager reads it: what will be sent, why it is believed, what cannot be undone. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from retrust.ledger import Case
from retrust.models import Plan, Step
from retrust_plugins.servicenow.settings import TicketSettings


def correlation(case: str, digest: str) -> str:
    """By which a plan's change request is found again: one for each case and digest."""
    return f"retrust:{case}:{digest}"


def new_request(settings: TicketSettings, case: Case, plan: Plan) -> dict[str, str]:
    """The fields of a change request for this plan; the policy's own go before ours where they may."""
    filled = {"site": plan.site, "case": case.id, "digest": plan.digest, "grade": plan.grade.value}
    own = {name: _filled(text, filled) for name, text in settings.fields.items()}
    return {
        "short_description": f"Re-establish trust at {plan.site} (Retrust case {case.id})",
        "description": description(case, plan),
        **own,
        "correlation_id": correlation(case.id, plan.digest),
        "correlation_display": "Retrust",
    }


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def description(case: Case, plan: Plan) -> str:
    return "\n".join(
        (
            f"Case {case.id} at {plan.site}: {case.cause}",
            f"Plan {plan.digest}",
            "The approval is for exactly this plan; a plan that changes asks anew.",
            "",
            f"EVIDENCE: {plan.grade.value}",
            *_evidence(plan),
            "",
            "STEPS",
            *_steps(plan),
        )
    )


def _evidence(plan: Plan) -> Iterator[str]:
    for finding in plan.unpinned:
        yield f"- {finding.pin.edge}, as listed: {finding.pin.line}"
        yield f"  it is {finding.verdict.value}: {'; '.join(finding.reasons) or 'no reason given'}"
        if finding.presented:
            yield f"  presented now: {finding.presented.fingerprint} {finding.presented.subject}"
        if finding.baseline:
            yield f"  last verified: {finding.baseline.fingerprint} {finding.baseline.subject}"
        yield f"  evidence: {finding.evidence.grade.value}"
        yield from (f"    {c.collector}: {c.grade.value}, {c.detail}" for c in finding.evidence.collected)


def _steps(plan: Plan) -> Iterator[str]:
    for number, step in enumerate(plan.steps, 1):
        yield f"{number}. {step.kind} at {step.holder}: {step.argument} [{step.risk}]{_condition(step)}"
        yield from (f"   > {line}" for line in step.sends)
        yield f"   undo: {step.undo or 'cannot be undone'}"


def _condition(step: Step) -> str:
    return f", only {step.when}" if step.when else ""
