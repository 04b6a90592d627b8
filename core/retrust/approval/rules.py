"""Who may decide, which decisions count, and when they lapse: every rule, for every path, here alone.

The terminal, the CLI, the console and the API all build the ``Decision`` that a person wants to make, ask
``may_decide``, and hand it to the ledger. The same rules judge recorded decisions again when gates are
evaluated, so that a decision which got into the ledger in another way opens nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from retrust.actors import UNKNOWN, person_key, same_person
from retrust.approval import signing
from retrust.approval.required import Gates, person_settings, settings_of
from retrust.gates import Gate, PersonSettings, Requirement
from retrust.models import Decision, Grade, Plan, Sighting
from retrust.states import State

if TYPE_CHECKING:
    from retrust.inventory import Inventory, Person, Site
    from retrust.ledger import Case

DECIDABLE = (State.PLANNED, State.WAITING, State.APPROVED, State.FAILED)
"""In any other state there is no plan to decide on, or its steps are being sent already."""

SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may differ."""


@dataclass(frozen=True)
class Matter:
    """What is decided: a case's current plan, the gates it must pass, and everything said of it so far.

    ``sightings`` are the case's: who brought them in by hand may not decide. ``asked_at`` is when the plan
    first asked for decisions, None where that does not matter. ``said_by`` are who brought in what it rested on then,
    or dismissed what spoke against it. ``takes`` is as ``Question``'s.
    """

    inventory: Inventory
    site: Site
    case: Case
    plan: Plan
    requirements: Sequence[Requirement]
    gates: Gates
    decisions: Sequence[Decision] = ()
    sightings: Sequence[Sighting] = ()
    asked_at: datetime | None = None
    takes: timedelta = timedelta()
    said_by: frozenset[str] = frozenset()

    def at(self, label: str) -> Requirement | None:
        return next((r for r in self.requirements if r.label == label), None)

    def gate(self, requirement: Requirement) -> Gate[Any] | None:
        return self.gates.get(requirement.gate)


def may_decide(decision: Decision, matter: Matter) -> str | None:
    """None where this person may say this at this gate now; otherwise why not."""
    case, digest = matter.case, matter.plan.digest
    if case.state not in DECIDABLE:
        return f"the case is {case.state.value}: there is nothing to decide"
    if decision.digest != digest or case.digest not in (None, digest):
        return f"the plan has changed: {decision.digest} is not its digest now; look at the plan again"
    if any(same_person(d.actor, decision.actor) and d.gate == decision.gate for d in _on_plan(matter)):
        return f"{decision.actor} has decided at the gate {decision.gate} already, and counts once"
    if no := refusal(decision.gate, matter):
        return f"the gate {decision.gate} is closed: {no.actor} said no"
    if lapsed(decision.gate, matter, decision.at):
        said = any(d.gate == decision.gate for d in _on_plan(matter))
        why = "a yes that was given expired" if said else "nobody decided in time"
        return f"the gate {decision.gate} is closed: {why}"
    return _objection(decision, matter, counted(matter, decision.at), case.planners)


def counted(matter: Matter, now: datetime) -> tuple[Decision, ...]:
    """The yeses on this plan that count: allowed when they were given, in their order, not expired, and not to come.

    Of the planners only the first is asked about: whoever said yes and then started the pass that goes on
    with it wrote the same plan anew, and has not taken the yes back by that.
    """
    first = matter.case.planners[:1]
    kept: list[Decision] = []
    for decision in sorted(_on_plan(matter), key=lambda d: d.at):
        if decision.yes and _objection(decision, matter, kept, first) is None:
            kept.append(decision)
    return tuple(d for d in kept if now < _end(d, matter) and not _is_to_come(d, now))


def to_come(label: str, matter: Matter, now: datetime) -> Decision | None:
    """A yes at this gate that is dated later than now."""
    return next((d for d in _on_plan(matter) if d.gate == label and d.yes and _is_to_come(d, now)), None)


def _is_to_come(decision: Decision, now: datetime) -> bool:
    """A clock that was set back must not make a yes last longer."""
    return decision.at > now + SKEW


def nobody_asked(matter: Matter) -> bool:
    """Whether somebody who showed no identity caused the case, wrote its plan, or brought in what it rests on, be it
    as a hint, which anybody can send.

    They may be whoever says yes, so two persons must. What comes in later does not shut a gate: the plan does not
    rest on it.
    """
    asked = (matter.case.requested_by, *matter.case.planners[:1], *matter.said_by)
    return matter.plan.rests_on_hints or UNKNOWN in asked


def refusal(label: str, matter: Matter) -> Decision | None:
    """The no that closed the gate. It closes whoever said it: to stop is never a matter of rank."""
    return next((d for d in _on_plan(matter) if d.gate == label and not d.yes), None)


def expires_at(matter: Matter) -> datetime | None:
    """When the first of the plan's gates lapses, and the case ends as expired; None where none can."""
    return min((at for r in matter.requirements for at in _lapses(r.label, matter)), default=None)


def lapses_at(label: str, matter: Matter) -> datetime | None:
    """When the gate lapses if nobody decides any more; None where no person opens it."""
    return min(_lapses(label, matter), default=None)


def lapsed(label: str, matter: Matter, now: datetime) -> bool:
    return any(at <= now for at in _lapses(label, matter))


def _lapses(label: str, matter: Matter) -> list[datetime]:
    """Ends of the yeses at a gate that a person opens; where there is none, the end of waiting for one."""
    requirement = matter.at(label)
    gate = matter.gate(requirement) if requirement else None
    if requirement is None or gate is None or not gate.by_person:
        return []
    ends = [_end(d, matter) for d in _on_plan(matter) if d.gate == label and d.yes]
    if not ends and matter.asked_at is not None:
        ends = [matter.asked_at + valid_for(requirement, matter)]
    return ends


def valid_for(requirement: Requirement, matter: Matter) -> timedelta:
    """How long a decision counts at this gate: as the gate's settings say, else as the site's clocks do."""
    try:
        valid = person_settings(settings_of(matter.gates, requirement, matter.inventory)).valid
    except (KeyError, ValidationError):
        valid = None
    return valid or matter.site.clocks.decision


def _end(decision: Decision, matter: Matter) -> datetime:
    requirement = matter.at(decision.gate)
    return decision.at + (valid_for(requirement, matter) if requirement else matter.site.clocks.decision)


def _on_plan(matter: Matter) -> list[Decision]:
    return [d for d in matter.decisions if d.digest == matter.plan.digest and d.case == matter.case.id]


# -- the rules ---------------------------------------------------------------------------------------


def _objection(decision: Decision, matter: Matter, earlier: Sequence[Decision], planners: Sequence[str]) -> str | None:
    """Why this decision would not count, whatever the time; ``earlier`` are the yeses that do."""
    requirement = matter.at(decision.gate)
    if requirement is None:
        labels = ", ".join(r.label for r in matter.requirements) or "none"
        return f"the plan has no gate {decision.gate!r}; it has {labels}"
    gate = matter.gate(requirement)
    if gate is None:
        return f"nothing provides the gate {requirement.gate!r}"
    if not gate.by_person:
        return f"the gate {requirement.label} is not one that a person opens"
    if decision.yes and matter.plan.grade is Grade.CONTRADICTED:
        return "the evidence is contradicted: nothing accepts that"
    if not person_key(decision.actor):
        return "a decision names who makes it"
    if not decision.reason.strip():
        return "a decision needs a reason"
    if stranger := _stranger(decision, matter):
        return stranger
    if gate.at_terminal:
        return None
    return (
        _involved(decision, matter, planners)
        or _settings(decision, requirement, matter)
        or _once(decision, matter, earlier)
    )


def _stranger(decision: Decision, matter: Matter) -> str | None:
    """Judged when deciding and again when counting: who has left the inventory opens nothing any more."""
    if not matter.inventory.people or _person(decision, matter) is not None:
        return None
    return f"{decision.actor} is not among the people of the inventory"


def _person(decision: Decision, matter: Matter) -> Person | None:
    return next((p for name, p in matter.inventory.people.items() if same_person(name, decision.actor)), None)


def _involved(decision: Decision, matter: Matter, planners: Sequence[str]) -> str | None:
    """Whoever caused the case by hand, wrote the plan, or brought in what it rests on, has a part in it."""
    if same_person(decision.actor, matter.case.requested_by):
        return f"{decision.actor} caused this case, and may not decide it"
    if any(same_person(decision.actor, planner) for planner in planners):
        return f"{decision.actor} wrote this plan, and may not decide it"
    for sighting in matter.sightings:
        if same_person(decision.actor, sighting.actor):
            did = "attested a fingerprint" if sighting.fingerprint else "brought in a sighting"
            return f"{decision.actor} {did} for this plan, and may not decide it"
    if any(same_person(decision.actor, actor) for actor in matter.said_by):
        return (
            f"{decision.actor} brought in a sighting that this plan rests on, or dismissed one, and may not decide it"
        )
    return None


def _settings(decision: Decision, requirement: Requirement, matter: Matter) -> str | None:
    """What the gate itself asks of the person and of their yes."""
    try:
        settings = person_settings(settings_of(matter.gates, requirement, matter.inventory))
    except ValidationError:
        return f"the gate {requirement.label} has wrong settings, so nobody can open it"
    return _role(decision, requirement, matter, settings.roles) or _unsigned(decision, requirement, matter, settings)


def _unsigned(decision: Decision, requirement: Requirement, matter: Matter, settings: PersonSettings) -> str | None:
    """Judged with the keys that the inventory names now: a key that was taken out signs nothing any more."""
    if not settings.signed or not decision.yes:
        return None
    if decision.signature is None:
        return f"the gate {requirement.label} asks for a signed yes: retrust approve {decision.case} --sign-with KEY"
    return signing.objection(
        decision.signature, signing.statement(decision.case, decision.digest), decision.actor, matter.inventory
    )


def _role(decision: Decision, requirement: Requirement, matter: Matter, roles: Sequence[str]) -> str | None:
    person = _person(decision, matter)
    if not roles or set(roles) & set(person.roles if person else decision.roles):
        return None
    return (
        f"the gate {requirement.label} asks for the role {' or '.join(roles)}; {decision.actor} does not have this role"
    )


def _once(decision: Decision, matter: Matter, earlier: Sequence[Decision]) -> str | None:
    """One person counts once in a plan, so that each further gate brings in a further person."""
    if not decision.yes:
        return None
    for other in earlier:
        requirement = matter.at(other.gate)
        gate = matter.gate(requirement) if requirement else None
        if same_person(other.actor, decision.actor) and not (gate and gate.at_terminal):
            return f"{decision.actor} said yes to this plan at the gate {other.gate} already, and counts once"
    return None
