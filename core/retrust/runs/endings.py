"""How a pass ends: as one value for whoever reports it, and as the case records it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from retrust.approval.acceptance import record_change
from retrust.errors import ChangedIdentity, PersonNeeded, Refused, RetrustError, TemporaryError
from retrust.ledger import LeaseLost
from retrust.models import GateState, Plan, Snapshot, StepResult
from retrust.runs.steps import Drifted

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.ledger import Case, Ledger

Outcome = Literal["healed", "healthy", "planned", "waiting", "drifted", "person-needed", "failed", "refused"]


@dataclass(frozen=True)
class Ended:
    """How one pass ended, with what it had seen and done by then; ``error`` is what stopped it."""

    outcome: Outcome
    case: Case | None = None
    snapshot: Snapshot | None = None
    plan: Plan | None = None
    gates: tuple[GateState, ...] = ()
    results: tuple[StepResult, ...] = ()
    error: RetrustError | None = None

    @property
    def case_id(self) -> str | None:
        return self.case.id if self.case else None

    @property
    def said(self) -> list[str]:
        return [result.result for result in self.results]

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        return 0 if self.outcome in ("healed", "healthy") else 3


def outcome_of(error: RetrustError) -> Outcome:
    match error:
        case Refused():
            return "refused"
        case Drifted():
            return "drifted"
        case PersonNeeded():
            return "person-needed"
        case _:
            return "failed"


async def record_failure(ledger: Ledger, site: Site, error: RetrustError, *, actor: str, run: str) -> Case | None:
    """Write into the open case how the pass ended. A lost lease writes nothing: another run has the case now."""
    case = await ledger.open_case_of(site.name)
    if isinstance(error, ChangedIdentity):
        # A node's own identity changed: a finding of the case, which then waits for a person to accept it.
        case = case or await ledger.open_case(
            site.name, cause=f"the {error.kind} of {error.node} changed", actor=actor, run=run
        )
        await record_change(ledger, case, error, actor=actor, run=run)
    if case is None or isinstance(error, LeaseLost):
        return case
    event = (
        "wait"
        if isinstance(error, PersonNeeded | ChangedIdentity) and not isinstance(error, Drifted)
        else "refuse"
        if isinstance(error, Refused)
        else "plan"
        if isinstance(error, Drifted)
        else "fail"
    )
    return await ledger.move(
        case.id, event, actor=actor, run=run, why=str(error), retry=isinstance(error, TemporaryError)
    )


async def keep_files(ledger: Ledger, folder: Path, case: Case | None, *, actor: str, run: str) -> None:
    """Transcripts and pictures of the pass belong to its case; without a case nobody needs them."""
    if case is None:
        shutil.rmtree(folder)
        return
    for path in sorted(folder.iterdir()):  # noqa: ASYNC240 - a few names
        await ledger.attach(case.id, f"{folder.name[:8]}/{path.name}", path, actor=actor, run=run)
