"""How many persons must say yes, and which. Pure: the yeses that count are handed in, none is looked up.

That the requester and the planner stay out, that a person counts once, has the role, and gave a reason, and
that a no or an expiry closes the gate, are rules of ``retrust.approval`` for every gate that a person opens.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from retrust.gates import Gate, PersonSettings, Question
from retrust.inventory import Inventory, format_duration
from retrust.models import GateState


class People(Gate[PersonSettings]):
    """Open when enough different persons said yes: ``{gate: people, approvers: 2, roles: [network], valid: 24h}``."""

    name = "people"
    settings_model = PersonSettings
    by_person = True

    async def state(self, question: Question[PersonSettings]) -> GateState:
        settings, label = question.settings, question.requirement.label
        missing = settings.approvers - len({d.actor for d in question.decisions})
        if missing <= 0:
            return GateState(gate=label, state="open")
        until = min((d.at for d in question.decisions), default=None)
        return GateState(
            gate=label,
            state="shut",
            needs=_needs(settings, missing, question),
            until=until + question.valid_for if until else None,
        )

    def covers(self, settings: PersonSettings, other: PersonSettings) -> bool:
        """More approvers of the same roles, whose yes counts no longer, are at least as strict."""
        return (
            settings.approvers >= other.approvers
            and set(settings.roles) == set(other.roles)
            and settings.signed >= other.signed
            and _no_longer(settings.valid, other.valid)
        )

    def check(self, settings: PersonSettings, inventory: Inventory) -> Iterator[str]:
        """A gate that the inventory's people cannot open."""
        asked = set(settings.roles)
        able = [
            p
            for p in inventory.people.values()
            if (not asked or asked & set(p.roles)) and (not settings.signed or p.ssh_keys or inventory.signing)
        ]
        if len(able) < settings.approvers:
            yield (
                f"the gate people asks for {_persons(settings.approvers)}{_of(settings)}, "
                f"and the inventory names {len(able)}: it cannot open"
            )


def _no_longer(valid: timedelta | None, other: timedelta | None) -> bool:
    return valid == other or (valid is not None and other is not None and valid <= other)


def _needs(settings: PersonSettings, missing: int, question: Question[PersonSettings]) -> str:
    given = ", ".join(d.actor for d in question.decisions)
    so_far = f"; {given} said yes" if given else ""
    signed = "signed " if settings.signed else ""
    return (
        f"a {signed}yes of {_persons(missing)}{' more' if given else ''}{_of(settings)}{so_far}, "
        f"valid for {format_duration(question.valid_for)}"
    )


def _persons(count: int) -> str:
    return "one person" if count == 1 else f"{count} persons"


def _of(settings: PersonSettings) -> str:
    return f" with the role {' or '.join(settings.roles)}" if settings.roles else ""
