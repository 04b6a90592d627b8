"""Running passes in this process: with our own or the named Prefect server, and somebody who watches.

``Runner.one_pass`` runs the flow once and says how it ended; nothing about a decision goes through Prefect.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrust.approval.decisions import Attendance
from retrust.engine.engine import Engine
from retrust.ledger import Ledger
from retrust.models import Progress
from retrust.runs.endings import Ended
from retrust.secrets.redaction import redact_all_logs

if TYPE_CHECKING:
    from retrust.runs.phases import Approved, Waiting


@dataclass
class Runner:
    """Runs the flow in this process. ``actor`` is who starts a pass that nobody attends.

    ``planned`` is called in each pass that has a plan, when its gates have been asked and nothing is done yet.
    """

    engine: Engine
    ledger: Ledger
    actor: str
    progress: Callable[[Progress], None] = lambda _: None
    tell: Callable[[str], None] = lambda _: None
    planned: Callable[[Approved | Waiting], None] = lambda _: None
    _quiet: bool = field(default=False, init=False)

    async def one_pass(self, site: str, attendance: Attendance | None = None) -> Ended:
        from retrust_flows.remediate import Lent, remediation  # imports Prefect, which takes seconds

        if not self._quiet:
            self._quiet = True
            redact_all_logs(self.engine.redactor)
            hush_prefect()
        lent = Lent(
            self.engine, self.ledger, attendance or Attendance(self.actor), self.progress, self.tell, self.planned
        )
        state = await remediation(lent)(site, return_state=True)
        if lent.ended is not None:
            return lent.ended
        raise await state.aresult(raise_on_failure=False)


def hush_prefect() -> None:
    """Prefect's console handlers repeat what we say; its handlers to the API stay, behind our redactor."""
    for name in ("", "prefect", "prefect.flow_runs", "prefect.task_runs", "retrust"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if "Console" in type(handler).__name__ and not os.environ.get("RETRUST_DEBUG"):
                logger.removeHandler(handler)
