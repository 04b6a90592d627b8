"""What a gate is: a rule that must be open before the steps of a risk class run.

Which gates a plan must pass is ``retrust.policy``'s; a gate only says how it stands for one plan. A gate
never waits: while it is shut the pass ends, and its opening starts the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from retrust.models import Decision, GateState, Plan

if TYPE_CHECKING:
    from retrust.inventory import Inventory
    from retrust.ledger import Case


class GateSettings(BaseModel):
    """What a policy may say beside ``gate:``; a gate's own model derives from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Requirement:
    """One gate that a plan must pass. ``label`` names it to people: the gate's name, or ``security``."""

    label: str
    gate: str
    settings: Mapping[str, Any]
    risks: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What a gate is asked: how it stands for this plan of this case, now.

    ``decisions`` are those on the plan's digest at this label, still valid and not void.
    """

    requirement: Requirement
    settings: Any
    case: Case
    plan: Plan
    decisions: tuple[Decision, ...]
    inventory: Inventory
    now: datetime
    valid_for: timedelta


class Gate(Protocol):
    """``settings_model`` is what a policy may set; ``by_person`` whether a person's decision opens it."""

    name: str
    settings_model: type[GateSettings]
    by_person: bool

    async def state(self, question: Question) -> GateState:
        """How the gate stands; one that raises is shut, with the error as what it needs."""
        ...


class Confirm:
    """The person at the terminal, by prompt or ``--yes``; the default where an inventory names no people.

    As ``security`` it asks for more: ``--accept-unproven``, or an answer typed below both fingerprints.
    """

    name = "confirm"
    settings_model = GateSettings
    by_person = True

    async def state(self, question: Question) -> GateState:
        label = question.requirement.label
        if any(not d.yes for d in question.decisions):
            return GateState(gate=label, state="closed", needs="the person at the terminal said no")
        if question.decisions:
            return GateState(gate=label, state="open")
        return GateState(gate=label, state="shut", needs=_CONFIRM_NEEDS.get(label, _CONFIRM_NEEDS["confirm"]))


_CONFIRM_NEEDS = {
    "confirm": "a yes at the terminal, or --yes",
    "security": "evidence is below proven: --accept-unproven, or an answer typed at the terminal's prompt",
}
