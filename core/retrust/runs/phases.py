"""What each part of a pass makes, as frozen values: each is all of the one before, and what the part added.

So nothing can be sent that was not approved. The order of the parts is ``passes``', what each does is ``parts``'.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from retrust.approval.decisions import Attendance
from retrust.engine.engine import Engine
from retrust.models import GateState, Plan, Sighting, Snapshot, StepResult
from retrust.runs.milestones import Follower
from retrust.target import Connection

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.ledger import Case, Lease, Ledger

T = TypeVar("T")


@dataclass(frozen=True)
class Pass:
    """What one pass works with. ``by`` is who started it; ``folder`` takes its transcripts and pictures.

    ``go_on`` is asked before each write, and raises where whoever runs the pass wants it ended.
    """

    engine: Engine
    site: Site
    ledger: Ledger
    lease: Lease
    run: str
    by: Attendance
    follower: Follower
    tell: Callable[[str], None]
    folder: Path
    go_on: Callable[[], Awaitable[None]]

    @property
    def who(self) -> dict[str, Any]:
        """As whom and in which run the ledger is written to."""
        return {"actor": self.by.actor, "run": self.run}

    def say(self, text: str) -> None:
        self.tell(self.engine.redactor.redact(text))


@dataclass(frozen=True)
class Detected:
    """What is known before we look: the sightings of this site, and whether a case is open."""

    sightings: tuple[Sighting, ...]
    said: str


@dataclass(frozen=True)
class Looked(Detected):
    """Every holder was reached and listed, through ``connection``."""

    connection: Connection
    snapshot: Snapshot


@dataclass(frozen=True)
class Healthy(Looked):
    """Nothing is to be done; ``case`` is the open one that this look found healed, or None."""

    case: Case | None


@dataclass(frozen=True)
class Planned(Looked):
    case: Case
    plan: Plan


@dataclass(frozen=True)
class Waiting(Planned):
    """A gate is shut."""

    gates: tuple[GateState, ...]


@dataclass(frozen=True)
class Approved(Planned):
    """Every gate of the plan is open: what its steps send is all that may be sent."""

    gates: tuple[GateState, ...]


@dataclass(frozen=True)
class Done(Approved):
    """Some stages have run; ``results`` are of their steps."""

    results: tuple[StepResult, ...] = ()


@dataclass(frozen=True)
class Verified(Done):
    """Healed: listed again, probed again, and the target says so. ``after`` is what was seen then."""

    after: Snapshot = field(kw_only=True)


def become(kind: type[T], before: Any, **more: Any) -> T:
    """The next part's value: all of the one before, and ``more``."""
    wanted = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**{f.name: getattr(before, f.name) for f in fields(before) if f.name in wanted} | more)
