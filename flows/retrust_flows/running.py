"""Running passes in this process: with our own or the named Prefect server, and somebody who watches.

``Runner.one_pass`` runs the flow once and says how it ended; nothing about a decision goes through Prefect.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from retrust.deciding import Attendance, attending
from retrust.engine import Engine
from retrust.errors import PersonNeeded, Refused, RetrustError
from retrust.ledger import Ledger
from retrust.models import GateState, Plan, Snapshot, StepResult
from retrust.passes import Pass
from retrust.steps import Drifted
from retrust.target import Progress

if TYPE_CHECKING:
    from retrust_flows.remediate import Here

Outcome = Literal["healed", "healthy", "waiting", "drifted", "person-needed", "failed", "refused"]


@dataclass(frozen=True)
class Ended:
    """How one pass ended. ``error`` is what stopped it, for the last three outcomes and ``drifted``."""

    outcome: Outcome
    snapshot: Snapshot | None = None
    plan: Plan | None = None
    gates: tuple[GateState, ...] = ()
    results: tuple[StepResult, ...] = ()
    case: str | None = None
    error: RetrustError | None = None

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        return 0 if self.outcome in ("healed", "healthy") else 3


@dataclass
class Runner:
    """Runs the flow in this process. ``actor`` is who started it, as the ledger writes it.

    ``planned`` is called in each pass that has a plan, when its gates have been asked and nothing is done yet.
    """

    engine: Engine
    ledger: Ledger
    actor: str
    progress: Callable[[Progress], None] = lambda _: None
    tell: Callable[[str], None] = lambda _: None
    planned: Callable[[Pass], None] = lambda _: None
    _quiet: bool = field(default=False, init=False)

    async def one_pass(self, site: str, attendance: Attendance | None = None) -> Ended:
        from retrust_flows.remediate import Here, here, remediate

        self._hush_prefect()
        lent = Here(self.engine, self.ledger, self.actor, self.progress, self.tell, self.planned)
        tokens = here.set(lent), attending.set(attendance)
        try:
            state = await remediate(site, return_state=True)
            if state.is_completed():
                return _ended(lent, _BY_STATE[state.name or ""])
            error = await state.aresult(raise_on_failure=False)
            if isinstance(error, RetrustError):
                return _ended(lent, _outcome_of(error), error)
            raise error
        finally:
            here.reset(tokens[0])
            attending.reset(tokens[1])

    def _hush_prefect(self) -> None:
        """Prefect's console handlers repeat what we say; its handlers to the API stay, behind our redactor."""
        if self._quiet:
            return
        self._quiet = True
        from retrust.redaction import redact_all_logs

        redact_all_logs(self.engine.redactor)
        for name in ("", "prefect", "prefect.flow_runs", "prefect.task_runs", "retrust"):
            logger = logging.getLogger(name)
            for handler in list(logger.handlers):
                if "Console" in type(handler).__name__ and not os.environ.get("RETRUST_DEBUG"):
                    logger.removeHandler(handler)


_BY_STATE: dict[str, Outcome] = {"Healed": "healed", "Healthy": "healthy", "Waiting": "waiting"}


def _outcome_of(error: RetrustError) -> Outcome:
    if isinstance(error, Refused):
        return "refused"
    if isinstance(error, Drifted):
        return "drifted"
    return "person-needed" if isinstance(error, PersonNeeded) else "failed"


def _ended(lent: Here, outcome: Outcome, error: RetrustError | None = None) -> Ended:
    this = lent.last
    if this is None:
        return Ended(outcome, error=error)
    return Ended(outcome, this.snapshot, this.plan, this.gate_states, tuple(this.results),
                 this.case.id if this.case else None, error)
