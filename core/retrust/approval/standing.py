"""How the gates of a plan stand now: each is asked, and whatever is not a clear *open* is not open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from retrust.actors import person_key
from retrust.approval.required import Ask, settings_anywhere, settings_of
from retrust.approval.rules import Matter, counted, lapsed, lapses_at, nobody_asked, refusal, to_come, valid_for
from retrust.errors import Refused
from retrust.gates import Gate, Question, Requirement
from retrust.models import GateState, Grade

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.inventory import Site
    from retrust.secrets.stores import Secrets

LIMIT = timedelta(seconds=30)
"""How long a gate may take to answer, before it counts as shut."""


async def evaluate(
    matter: Matter,
    *,
    now: datetime,
    secrets: Secrets | None = None,
    redact: Callable[[str], str] = str,
    limit: timedelta = LIMIT,
) -> tuple[GateState, ...]:
    """How each requirement stands, in their order. ``redact`` is applied to what foreign errors say."""
    if matter.plan.grade is Grade.CONTRADICTED:
        raise Refused("contradicted evidence passes no gate", where=matter.site.name)
    return tuple(
        await asyncio.gather(
            *(_stands(requirement, matter, now, secrets, redact, limit) for requirement in matter.requirements)
        )
    )


async def at_any_plan(host: Host, site: Site, now: datetime) -> tuple[GateState, ...]:
    """How those gates of a site's policy stand that look at no plan, such as its change windows."""
    found = []
    for gate in host.gates.values():
        for settings in settings_anywhere(site, gate.name):
            try:
                model = settings_of(host.gates, Ask(gate.name, settings), host.inventory)
                state = await gate.at_any_plan(model, now)
            except Exception as exc:  # a plugin's own: whoever looks at a list must see the rest of it
                state = _shut(gate.name, f"a working gate: it failed with {type(exc).__name__}")
            found += [state] if state is not None else []
    return tuple(found)


async def _stands(
    requirement: Requirement,
    matter: Matter,
    now: datetime,
    secrets: Secrets | None,
    redact: Callable[[str], str],
    limit: timedelta,
) -> GateState:
    label = requirement.label
    gate = matter.gate(requirement)
    if gate is None:
        return _shut(label, f"a plugin that provides the gate {requirement.gate!r}")
    if gate.by_person:
        if no := refusal(label, matter):
            return GateState(gate=label, state="closed", needs=redact(f"{no.actor} said no: {no.reason}"))
        if lapsed(label, matter, now):
            return GateState(gate=label, state="closed", needs="expired: not everybody decided in time")
        if later := to_come(label, matter, now):
            return _shut(
                label,
                redact(
                    f"a right clock: {later.actor} said yes at {later.at:%Y-%m-%d %H:%M} UTC, which "
                    "is later than now here"
                ),
            )
    try:
        question = _question(requirement, matter, now, secrets)
        async with asyncio.timeout(limit.total_seconds()):
            answer: object = await gate.state(question)
    except TimeoutError:
        return _shut(label, f"an answer: none came within {limit.total_seconds():g} s")
    except ValidationError:
        return _shut(label, "right settings in the policy")
    except Exception as exc:
        return _shut(label, redact(f"a working gate: it failed with {type(exc).__name__}: {exc}"))
    stands = _understood(answer, requirement, gate, question)
    if gate.by_person and stands.state == "shut":
        stands = stands.model_copy(update={"until": stands.until or lapses_at(label, matter)})
    if stands.state == "closed" or not gate.by_person or gate.at_terminal or not _is_one_alone(matter, now):
        return stands
    needs = (stands.needs if stands.state == "shut" else None) or "a yes of one person more"
    return stands.model_copy(
        update={"state": "shut", "needs": f"{needs}; asked by nobody known, so two different persons must say yes"}
    )


def _is_one_alone(matter: Matter, now: datetime) -> bool:
    return nobody_asked(matter) and len({person_key(d.actor) for d in counted(matter, now)}) < 2


def _question(requirement: Requirement, matter: Matter, now: datetime, secrets: Secrets | None) -> Question[Any]:
    return Question(
        requirement=requirement,
        settings=settings_of(matter.gates, requirement, matter.inventory),
        case=matter.case,
        plan=matter.plan,
        inventory=matter.inventory,
        now=now,
        secrets=secrets,
        decisions=tuple(d for d in counted(matter, now) if d.gate == requirement.label),
        valid_for=valid_for(requirement, matter),
        takes=matter.takes,
    )


def _understood(answer: object, requirement: Requirement, gate: Gate[Any], question: Question[Any]) -> GateState:
    """The answer under the requirement's label; one that cannot be understood is shut, silence is no yes."""
    label = requirement.label
    if not isinstance(answer, GateState) or answer.state not in ("open", "shut", "closed"):
        return _shut(label, f"an answer that can be understood from the gate {requirement.gate}")
    if answer.state == "open" and gate.by_person and not question.decisions:
        return _shut(label, "a person's yes: silence is none")
    return answer.model_copy(update={"gate": label})


def _shut(label: str, needs: str) -> GateState:
    return GateState(gate=label, state="shut", needs=needs)
