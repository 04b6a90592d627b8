"""Decisions and gates of one case: how the gates stand, and who opened them.

Every path by which a person decides (terminal, CLI, console, API) ends in ``decide``; whether they may is
``retrust.policy.may_decide``'s alone.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from retrust import policy
from retrust.models import Decision, GateState, Plan

if TYPE_CHECKING:
    from retrust.engine import Engine
    from retrust.inventory import Site
    from retrust.ledger import Case, Ledger


@dataclass(frozen=True)
class Attendance:
    """The person at the terminal who started this pass.

    Never a parameter of a flow, so that nobody who starts a run elsewhere can be them. ``--yes`` and
    ``--accept-unproven`` are decisions that they make in advance.
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


attending: ContextVar[Attendance | None] = ContextVar("attending", default=None)


async def decide_in_advance(engine: Engine, ledger: Ledger, site: Site, case: Case, plan: Plan) -> None:
    """Record what the attending person decided by options, at the gates that such options open."""
    attendance = attending.get()
    if attendance is None:
        return
    for requirement in policy.requirements(engine.inventory, site, plan, engine.plugins.gates):
        reason = attendance.answers(requirement.label) if requirement.gate == "confirm" else None
        if reason is not None:
            await confirm(ledger, case, plan, requirement.label, attendance.actor, yes=True, reason=reason)


async def confirm(ledger: Ledger, case: Case, plan: Plan, label: str, actor: str, *, yes: bool, reason: str) -> None:
    """Record what the person at the terminal answered, once."""
    said = await ledger.decisions(case.id, plan.digest)
    if not any(d.gate == label and d.actor == actor for d in said):
        await ledger.decide(Decision(case=case.id, digest=plan.digest, gate=label, yes=yes, actor=actor,
                                     reason=reason, at=datetime.now(UTC)))


async def gate_states(engine: Engine, ledger: Ledger, site: Site, case: Case, plan: Plan) -> tuple[GateState, ...]:
    """How every gate that the plan must pass stands now."""
    required = policy.requirements(engine.inventory, site, plan, engine.plugins.gates)
    return await policy.evaluate(
        required, engine.plugins.gates, inventory=engine.inventory, site=site, case=case, plan=plan,
        decisions=await ledger.decisions(case.id, plan.digest), now=datetime.now(UTC))
