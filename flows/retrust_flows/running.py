"""Running passes in this process: with our own or the named Prefect server, and somebody who watches.

``Runner.one_pass`` runs the flow once and says how it ended; nothing about a decision goes through Prefect.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from retrust.approval.decisions import Attendance, current_matter, foreseen
from retrust.engine.engine import Engine
from retrust.ledger import Ledger
from retrust.models import GateState, Plan, Progress, Snapshot
from retrust.runs.endings import Ended
from retrust.runs.passes import one_pass
from retrust.secrets.redaction import redact_all_logs

Planned = Callable[[Snapshot, Plan, tuple[GateState, ...]], None]


@dataclass
class Runner:
    """Runs the flow in this process. ``actor`` is who starts a pass that nobody attends.

    ``planned`` is called in each pass that has a plan, with how its gates stand, when nothing is done yet.
    """

    engine: Engine
    ledger: Ledger
    actor: str
    progress: Callable[[Progress], None] = lambda _: None
    tell: Callable[[str], None] = lambda _: None
    planned: Planned = lambda *_: None
    _quiet: bool = field(default=False, init=False)

    async def first_look(self, site: str, attendance: Attendance) -> Ended:
        """A pass up to its plan, without Prefect, whose server may still be starting: it decides and sends nothing."""
        self._hush()
        ended = await one_pass(
            self.engine,
            self.engine.site(site),
            self.ledger,
            attendance,
            tell=self.tell,
            acts=False,
        )
        if ended.case is None or ended.snapshot is None or ended.plan is None or ended.outcome != "planned":
            return ended
        matter = await current_matter(self.engine, self.ledger, ended.case.id)
        gates = await foreseen(self.engine, matter, attendance)
        self.planned(ended.snapshot, ended.plan, gates)
        return replace(ended, gates=gates)

    async def one_pass(self, site: str, attendance: Attendance | None = None) -> Ended:
        from retrust_flows.remediate import Lent, remediation  # imports Prefect, which takes seconds

        self._hush()
        hush_prefect()
        lent = Lent(
            self.engine, self.ledger, attendance or Attendance(self.actor), self.progress, self.tell, self.planned
        )
        state = await remediation(lent)(site, return_state=True)
        if lent.ended is not None:
            return lent.ended
        raise await state.aresult(raise_on_failure=False)

    def _hush(self) -> None:
        if not self._quiet:
            self._quiet = True
            redact_all_logs(self.engine.redactor)


def hush_prefect() -> None:
    """Prefect's console handlers repeat what we say; its handlers to the API stay, behind our redactor."""
    for name in ("", "prefect", "prefect.flow_runs", "prefect.task_runs", "retrust"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if "Console" in type(handler).__name__ and not os.environ.get("RETRUST_DEBUG"):
                logger.removeHandler(handler)
