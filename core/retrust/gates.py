"""What a gate is: a rule that must be open before the steps of a risk class run.

Which gates a plan must pass is ``retrust.policy``'s, who may decide is ``retrust.decisions``'; a gate only
says how it stands for one plan. A gate never waits: while it is shut the pass ends, and its opening starts
the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from retrust.models import Decision, GateState, Grade, Plan

if TYPE_CHECKING:
    from retrust.inventory import Inventory
    from retrust.ledger import Case
    from retrust.secrets import Secrets


class GateSettings(BaseModel):
    """What a policy may say beside ``gate:``; a gate's own model derives from it.

    Two fields mean the same in every gate that a person opens, and are kept by ``retrust.decisions``:
    ``roles``, of which a person must have one, and ``valid``, how long a decision counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


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

    ``decisions`` are the yeses on the plan's digest at this label that count: allowed, and still valid. A
    no never gets here, because it closes the gate without asking it. ``secrets`` reads what the settings
    refer to; None where nothing may be read.
    """

    requirement: Requirement
    settings: Any
    case: Case
    plan: Plan
    decisions: tuple[Decision, ...]
    inventory: Inventory
    now: datetime
    valid_for: timedelta
    secrets: Secrets | None = None


class Gate(Protocol):
    """``settings_model`` is what a policy may set; ``by_person`` whether a person's decision opens it.

    What a gate may also have:

    - ``always = True``: asked of every plan that changes something, whether a policy names it or not;
    - ``approves = True``: someone says yes to this very plan through it (a change request), though no
      decision of ours is made; ``by_person`` implies it, a change window does not;
    - ``at_terminal = True``: answered by whoever runs the command, so that the rules which keep the
      requester and the planner from deciding do not hold;
    - ``covers(settings, other) -> bool``: whether being open with ``settings`` implies it with ``other``;
    - ``check(settings, inventory) -> Sequence[str]``: what is allowed and seldom meant, said by ``check``.
    """

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
    at_terminal = True

    async def state(self, question: Question) -> GateState:
        label = question.requirement.label
        if question.decisions:
            return GateState(gate=label, state="open")
        return GateState(gate=label, state="shut", needs=_CONFIRM_NEEDS.get(label, _CONFIRM_NEEDS["confirm"]))


_CONFIRM_NEEDS = {
    "confirm": "a yes at the terminal, or --yes",
    "security": "evidence is below proven: --accept-unproven, or an answer typed at the terminal's prompt",
    "recurrence": "an edge healed too often: an answer typed at the terminal's prompt",
}


class Standard:
    """A change that the policy approved beforehand: open for proven evidence, and for nothing else."""

    name = "standard"
    settings_model = GateSettings
    by_person = False

    async def state(self, question: Question) -> GateState:
        label, grade = question.requirement.label, question.plan.grade
        if grade is Grade.PROVEN:
            return GateState(gate=label, state="open")
        return GateState(gate=label, state="shut", needs=f"proven evidence; it is {grade.value}")
