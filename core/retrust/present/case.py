"""The whole story of a case, from the ledger: for ``show``, the console and the API. Nothing is derived twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from retrust.approval.decisions import gate_states, matter_of
from retrust.ledger.entries import Progressed
from retrust.present.json import plan_object

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.ledger import Case, Entry, Ledger
    from retrust.models import Finding, GateState, Plan


async def story_object(host: Host, ledger: Ledger, case_id: str) -> dict[str, Any]:
    """``show --json``: the case, its plan and gates, decisions, sightings, and every entry in order.

    A case that moves while it is read is read again: its state and its entries belong together.
    """
    case = await ledger.case(case_id)
    while True:
        story = await _story(host, ledger, case)
        read, case = case, await ledger.case(case_id)
        if case == read:
            return story


async def _story(host: Host, ledger: Ledger, case: Case) -> dict[str, Any]:
    plan, gates = await plan_and_gates(host, ledger, case)
    return {
        "case": case.model_dump(mode="json"),
        "plan": plan_object(plan.snapshot, plan, gates) if plan else None,
        "planned": [_planned(f) for f in plan.unpinned] if plan else [],
        "decisions": [d.model_dump(mode="json") for d in await ledger.decisions(case.id)],
        "sightings": [s.model_dump(mode="json") for s in await ledger.sightings_of(case.id)],
        "entries": [
            {"seq": e.seq, "at": e.at.isoformat(), "actor": e.actor, "what": e.line}
            for e in await ledger.entries(case=case.id)
        ],
    }


def _planned(finding: Finding) -> dict[str, Any]:
    """A pin that the plan deletes: its line as listed, and both fingerprints side by side."""
    seen, known = finding.presented, finding.baseline
    return {
        "edge": finding.pin.edge,
        "line": finding.pin.line,
        "verified": {"fingerprint": known.fingerprint, "subject": known.subject, "at": known.verified_at.isoformat()}
        if known
        else None,
        "presented": {"fingerprint": seen.fingerprint, "subject": seen.subject, "not_after": seen.not_after.isoformat()}
        if seen
        else None,
        "evidence": finding.evidence.grade.value,
    }


async def plan_and_gates(host: Host, ledger: Ledger, case: Case) -> tuple[Plan | None, tuple[GateState, ...]]:
    plan = await ledger.plan(case.digest, case=case.id) if case.digest else None
    if plan is None or not case.is_open or case.site not in host.inventory.sites:
        return plan, ()
    return plan, await gate_states(host, await matter_of(host, ledger, host.site(case.site), case, plan))


def milestones_of(entries: Iterable[Entry], digest: str) -> dict[str, dict[str, int | None]]:
    """By step of a plan: how far each of its milestones came, in the order in which they began."""
    found: dict[str, dict[str, int | None]] = {}
    for entry in entries:
        if entry.kind == "progress" and isinstance(entry.body, Progressed) and entry.body.digest == digest:
            found.setdefault(entry.body.step, {})[entry.body.what] = entry.body.percent
    return found
