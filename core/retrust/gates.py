"""What a gate is: a rule that must be open before the steps of a risk class run.

Which gates a plan must pass, and who may decide, is ``retrust.approval``'s; a gate only says how it stands for one
plan. A gate never waits: while it is shut the pass ends, and its opening starts the next one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from retrust.inventory.fields import Duration, Texts
from retrust.models import Decision, GateState, Grade, Plan

if TYPE_CHECKING:
    from retrust.inventory import Inventory
    from retrust.ledger import Case
    from retrust.secrets.stores import Secrets


class GateSettings(BaseModel):
    """What a policy may say beside ``gate:``; a gate's own model derives from it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class PersonSettings(GateSettings):
    """Settings of a gate that a person opens; what the fields mean is kept by ``retrust.approval``, for every gate."""

    approvers: int = Field(default=1, ge=1, le=20, strict=True, description="How many different persons must say yes.")
    roles: Texts = Field(default=(), description="Of which each of them has at least one; empty for anyone.")
    signed: bool = Field(default=False, strict=True, description="Only a yes that is signed with the person's SSH key.")
    valid: Duration | None = Field(default=None, description="How long a yes counts; else clocks.decision.")


SettingsT = TypeVar("SettingsT", bound=GateSettings)


@dataclass(frozen=True)
class Requirement:
    """One gate that a plan must pass. ``label`` names it to people: the gate's name, or ``security``."""

    label: str
    gate: str
    settings: Mapping[str, Any]
    risks: tuple[str, ...]


@dataclass(frozen=True)
class Question(Generic[SettingsT]):
    """What a gate is asked: how it stands for this plan of this case, now.

    ``decisions`` are the yeses on the plan's digest at this label that count: allowed, and still valid. A
    no never gets here, because it closes the gate without asking it. ``secrets`` reads what the settings
    refer to; None where nothing may be read. ``takes`` is how long the steps that are left take at most, zero
    once the pass has written: what was begun is not left half done.
    """

    requirement: Requirement
    settings: SettingsT
    case: Case
    plan: Plan
    decisions: tuple[Decision, ...]
    inventory: Inventory
    now: datetime
    valid_for: timedelta
    secrets: Secrets | None = None
    takes: timedelta = timedelta()


class Gate(Generic[SettingsT]):
    """A kind of gate, which a policy names and gives a ``SettingsT``. All but ``state`` may be left as it is here."""

    name: str
    settings_model: type[SettingsT]
    """What a policy may set."""
    by_person: bool = False
    """Whether a person's decision opens it."""
    always: bool = False
    """Asked of every plan that changes something, whether a policy names it or not."""
    approves: bool = False
    """Someone says yes to this very plan through it (a change request), though no decision of ours is made;
    ``by_person`` implies it, a change window does not."""
    at_terminal: bool = False
    """Answered by whoever runs the command, so that the rules which keep the requester and the planner from
    deciding do not hold."""

    @abstractmethod
    async def state(self, question: Question[SettingsT]) -> GateState:
        """How the gate stands; one that raises is shut, with the error as what it needs."""
        ...

    async def at_any_plan(self, settings: SettingsT, now: datetime) -> GateState | None:
        """How it stands whatever the plan, for people to see beforehand; None where that depends on the plan."""
        return None

    def covers(self, settings: SettingsT, other: SettingsT) -> bool:
        """Whether being open with ``settings`` implies being open with ``other``."""
        return settings == other

    def check(self, settings: SettingsT, inventory: Inventory) -> Iterable[str]:
        """What is allowed and seldom meant, for ``check`` to say; empty for nothing."""
        return ()


class Confirm(Gate[GateSettings]):
    """The person at the terminal, by prompt or ``--yes``; the default where an inventory names no people.

    As ``security`` it asks for more: ``--accept-unproven``, or an answer typed below both fingerprints.
    """

    name = "confirm"
    settings_model = GateSettings
    by_person = True
    at_terminal = True

    async def state(self, question: Question[GateSettings]) -> GateState:
        label = question.requirement.label
        if question.decisions:
            return GateState(gate=label, state="open")
        return GateState(gate=label, state="shut", needs=_CONFIRM_NEEDS.get(label, _CONFIRM_NEEDS["confirm"]))


_CONFIRM_NEEDS = {
    "confirm": "a yes at the terminal, or --yes",
    "security": "evidence is below proven: --accept-unproven, or an answer typed at the terminal's prompt",
    "recurrence": "an edge healed too often: an answer typed at the terminal's prompt",
}


class Standard(Gate[GateSettings]):
    """A change that the policy approved beforehand: open for proven evidence, and for nothing else."""

    name = "standard"
    settings_model = GateSettings

    async def state(self, question: Question[GateSettings]) -> GateState:
        label, grade = question.requirement.label, question.plan.grade
        if grade is Grade.PROVEN:
            return GateState(gate=label, state="open")
        return GateState(gate=label, state="shut", needs=f"proven evidence; it is {grade.value}")
