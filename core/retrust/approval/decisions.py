"""Decisions and gates of one case: how the gates stand, and who opened them.

Every path by which a person decides (terminal, CLI, console, API) ends in ``decide``, the last three by way of
``approve`` and ``reject``; whether they may is ``retrust.approval.may_decide``'s alone. Who a person is, and how
they prove it, is ``retrust.approval.tokens``'s.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from retrust.approval import signing
from retrust.approval.required import requirements
from retrust.approval.rules import Matter, may_decide
from retrust.approval.standing import evaluate
from retrust.approval.tokens import without_tokens
from retrust.errors import PermanentError, UsageError
from retrust.ledger.entries import LookAsked, Planned
from retrust.models import Decision, GateState, Plan, Sighting

if TYPE_CHECKING:
    from retrust.gates import Requirement
    from retrust.host import Host
    from retrust.inventory import Site
    from retrust.ledger import Case, Entry, Ledger


@dataclass(frozen=True)
class Attendance:
    """Who started a pass, and what they decided in advance at their terminal: ``--yes``, ``--accept-unproven``.

    Never a parameter of a flow, so that nobody who starts a run elsewhere can be them.
    """

    actor: str
    yes: bool = False
    accept_unproven: bool = False

    def answers(self, label: str) -> str | None:
        """The reason recorded for the gate that this person opens in advance, or None."""
        if label == "confirm" and self.yes:
            return "--yes"
        if label == "security" and self.accept_unproven:
            return "--accept-unproven"
        return None


@dataclass(frozen=True)
class Speaker:
    """Who decides a case that is there already. Only at a terminal are the gates answered that are a terminal's."""

    actor: str
    roles: tuple[str, ...] = ()
    at_terminal: bool = False


class MayNotDecide(PermanentError):
    """The person may not make this decision; the reason is one of the rules of ``retrust.approval``."""

    exit_code = 3


async def matter_of(host: Host, ledger: Ledger, site: Site, case: Case, plan: Plan) -> Matter:
    """Everything that is known of a plan that asks for decisions."""
    return matter_from(
        host,
        site,
        case,
        plan,
        told=await ledger.entries(case=case.id, kinds=("planned",)),
        required=await required_gates(host, ledger, site, plan),
        decisions=await ledger.decisions(case.id, plan.digest),
        sightings=await ledger.sightings_of(case.id),
        ended={r.step for r in await ledger.steps(case.id, plan.digest) if r.phase in ("done", "undecided", "skipped")},
    )


def matter_from(
    host: Host,
    site: Site,
    case: Case,
    plan: Plan,
    *,
    told: Iterable[Entry],
    required: Sequence[Requirement],
    decisions: Sequence[Decision],
    sightings: Sequence[Sighting],
    ended: Container[str] = (),
) -> Matter:
    """The same of what was read before. ``told`` has the case's ``planned`` entries, ``ended`` steps with an end."""
    same = ((e.at, e.body.plan) for e in told if isinstance(e.body, Planned) and e.body.digest == plan.digest)
    asked_at, asked = next(same, (None, plan))
    takes = timedelta(seconds=sum(s.takes for s in plan.steps if s.id not in ended))
    return Matter(
        host.inventory,
        site,
        case,
        plan,
        required,
        host.gates,
        decisions,
        sightings,
        asked_at,
        takes,
        asked.said_by,
    )


async def required_gates(host: Host, ledger: Ledger, site: Site, plan: Plan) -> tuple[Requirement, ...]:
    """Which gates the plan must pass, those included that are asked because an edge healed too often lately."""
    recurred = [
        edge
        for edge in (s.unpins for s in plan.steps)
        if edge and await ledger.healed_count(site.name, edge, site.recurrence.days) > site.recurrence.healed
    ]
    return requirements(host.inventory, site, plan, host.gates, recurred)


async def gate_states(host: Host, matter: Matter) -> tuple[GateState, ...]:
    """How every gate that the plan must pass stands now."""
    return await evaluate(matter, now=datetime.now(UTC), secrets=host.secrets, redact=host.redactor.redact)


async def decide_in_advance(ledger: Ledger, matter: Matter, attendance: Attendance) -> Matter:
    """Record what the attending person decided by options, at the gates that such options open."""
    for said in _in_advance(matter, attendance):
        matter = await decide(ledger, matter, label=said.gate, actor=said.actor, yes=True, reason=said.reason)
    return matter


async def foreseen(host: Host, matter: Matter, attendance: Attendance) -> tuple[GateState, ...]:
    """How the gates would stand with what the attending person decided by options. Nothing is recorded.

    Without secrets: a gate may say how it stands, and not act.
    """
    said = [d for d in _in_advance(matter, attendance) if may_decide(d, matter) is None]
    matter = replace(matter, decisions=[*matter.decisions, *said])
    return await evaluate(matter, now=datetime.now(UTC), redact=host.redactor.redact)


def _in_advance(matter: Matter, attendance: Attendance) -> list[Decision]:
    decided = {(d.gate, d.actor) for d in matter.decisions}
    return [
        _decision(matter, label, attendance.actor, True, reason, ())
        for label in terminal_labels(matter)
        if (reason := attendance.answers(label)) and (label, attendance.actor) not in decided
    ]


def terminal_labels(matter: Matter) -> list[str]:
    """The gates that the person at the terminal can open by an answer."""
    return [r.label for r in matter.requirements if _at_terminal(matter, r.label)]


def _at_terminal(matter: Matter, label: str) -> bool:
    requirement = matter.at(label)
    gate = matter.gate(requirement) if requirement else None
    return gate is not None and gate.at_terminal


async def decide(
    ledger: Ledger,
    matter: Matter,
    *,
    label: str,
    actor: str,
    yes: bool,
    reason: str,
    roles: Sequence[str] = (),
    signature: str | None = None,
) -> Matter:
    """Record one decision at one gate, or raise and say which rule forbids it."""
    decision = _decision(matter, label, actor, yes, reason, roles, signature)
    if objection := may_decide(decision, matter) or _signature_objection(decision, matter):
        raise MayNotDecide(objection, where=f"case {matter.case.id}")
    await ledger.decide(decision)
    return replace(matter, decisions=await ledger.decisions(matter.case.id, matter.plan.digest))


def _decision(
    matter: Matter, label: str, actor: str, yes: bool, reason: str, roles: Sequence[str], signature: str | None = None
) -> Decision:
    return Decision(
        case=matter.case.id,
        digest=matter.plan.digest,
        gate=label,
        yes=yes,
        actor=actor,
        roles=tuple(roles),
        reason=without_tokens(reason),
        at=datetime.now(UTC),
        signature=signature,
    )


def _signature_objection(decision: Decision, matter: Matter) -> str | None:
    if decision.signature is None:
        return None
    if not decision.yes:
        return "a signature says yes to a plan; a no needs none"
    return signing.objection(
        decision.signature, signing.statement(decision.case, decision.digest), decision.actor, matter.inventory
    )


# -- what a person may say ---------------------------------------------------------------------------


def objection(matter: Matter, speaker: Speaker, label: str, *, yes: bool, signature: str | None = None) -> str | None:
    """None where this person could say this at this gate now; otherwise why not. Nothing is recorded."""
    if not speaker.at_terminal and _at_terminal(matter, label):
        return f"the gate {label} is answered at the terminal where the run was started"
    return may_decide(_decision(matter, label, speaker.actor, yes, "a reason", speaker.roles, signature), matter)


def person_labels(matter: Matter) -> list[str]:
    """The plan's gates that a person opens; those for certain roles first, since one person counts once."""
    found = [r for r in matter.requirements if (g := matter.gate(r)) is not None and g.by_person]
    return [r.label for r in sorted(found, key=lambda r: not r.settings.get("roles"))]


def gate_for(matter: Matter, speaker: Speaker, *, yes: bool, signature: str | None = None) -> str | None:
    """The gate that this person's word is for when they name none: the first one that they may decide."""
    return next(
        (
            label
            for label in person_labels(matter)
            if objection(matter, speaker, label, yes=yes, signature=signature) is None
        ),
        None,
    )


async def approve(
    host: Host,
    ledger: Ledger,
    case: str,
    speaker: Speaker,
    *,
    reason: str,
    gate: str | None = None,
    digest: str | None = None,
    signature: str | None = None,
) -> tuple[str, Matter]:
    """Say yes to a case's current plan; the gate it was said at, and the matter as it stands then."""
    return await _say(
        host, ledger, case, speaker, yes=True, reason=reason, gate=gate, digest=digest, signature=signature
    )


async def reject(
    host: Host,
    ledger: Ledger,
    case: str,
    speaker: Speaker,
    *,
    reason: str,
    gate: str | None = None,
    digest: str | None = None,
) -> str:
    """Say no to a case's current plan: its gate closes, and the case ends as cancelled. The gate it was said at."""
    label, _ = await _say(host, ledger, case, speaker, yes=False, reason=reason, gate=gate, digest=digest)
    await ledger.move(case, "cancel", actor=speaker.actor, note=f"rejected: {without_tokens(reason)}")
    return label


async def cancel(ledger: Ledger, case: str, speaker: Speaker, *, reason: str) -> Case:
    """End a case without acting. Anybody who may speak may stop it; to stop is never a matter of rank."""
    if not reason.strip():
        raise MayNotDecide("ending a case needs a reason", where=f"case {case}")
    return await ledger.move(case, "cancel", actor=speaker.actor, note=without_tokens(reason))


async def dismiss(ledger: Ledger, sighting: str, speaker: Speaker, *, reason: str) -> Case | None:
    """Say that a sighting was wrong; the case that rested on nothing else ends, and is returned."""
    if not reason.strip():
        raise MayNotDecide("dismissing a sighting needs a reason", where=f"sighting {sighting}")
    return await ledger.dismiss(sighting, actor=speaker.actor, reason=without_tokens(reason))


async def look_again(host: Host, ledger: Ledger, site: str, speaker: Speaker, *, source: str) -> None:
    """Ask the service for a pass over a site now, as `retrust run` starts one: it opens no gate.

    A failed case is tried again, and one that waits is looked at; where none is open, one is opened in this person's
    name, who may then not decide it.
    """
    if host.site(site).maintenance:
        raise UsageError("the site is in maintenance: nothing is started there", where=f"site {site}")
    case = await ledger.open_case_of(site)
    asked = LookAsked(why="a person wants it now", source=source)
    await ledger.append(asked, actor=speaker.actor, case=case.id if case else None, site=site)


async def _say(
    host: Host,
    ledger: Ledger,
    case: str,
    speaker: Speaker,
    *,
    yes: bool,
    reason: str,
    gate: str | None,
    digest: str | None,
    signature: str | None = None,
) -> tuple[str, Matter]:
    matter = await current_matter(host, ledger, case)
    if digest is not None and digest != matter.plan.digest:
        raise MayNotDecide(
            f"the plan's digest is {matter.plan.digest} now, not {digest}",
            where=f"case {case}",
            hint=f"read it again: retrust show {case}",
        )
    labels = person_labels(matter)
    if gate not in (None, *labels):
        raise UsageError(f"no person opens a gate {gate!r} here", hint=f"gates: {', '.join(labels) or 'none'}")
    label = gate or gate_for(matter, speaker, yes=yes, signature=signature) or next(iter(labels), None)
    if label is None:
        raise UsageError("no gate of this plan is opened by a person", where=f"case {case}")
    if why := objection(matter, speaker, label, yes=yes, signature=signature):
        raise MayNotDecide(why, where=f"case {case}")
    return label, await decide(
        ledger,
        matter,
        label=label,
        actor=speaker.actor,
        yes=yes,
        reason=reason,
        roles=speaker.roles,
        signature=signature,
    )


async def current_matter(host: Host, ledger: Ledger, case_id: str) -> Matter:
    """The matter of a case's current plan; an error where there is nothing to decide."""
    case = await ledger.case(case_id)
    plan = await ledger.plan(case.digest, case=case.id) if case.digest else None
    if plan is None or not case.is_open:
        raise UsageError(f"the case is {case.state} and has no plan to decide on", where=f"case {case_id}")
    return await matter_of(host, ledger, host.site(case.site), case, plan)
