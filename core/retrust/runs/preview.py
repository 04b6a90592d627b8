"""The plan as ``retrust plan`` shows it, without a case and without writing anything at the target."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from retrust.approval.decisions import Attendance, foreseen, matter_of
from retrust.engine.engine import Engine
from retrust.errors import RetrustError
from retrust.ledger import Case
from retrust.models import Finding, GateState, Grade, Plan, Snapshot
from retrust.runs.commitments import bound_plan
from retrust.runs.plan import make_plan
from retrust.runs.preflight import missing, noted, unmet
from retrust.runs.reaching import FAILED, OK, PERSON_NEEDED, REFUSED, exit_code, look_through, reach
from retrust.states import State
from retrust.trust.blockers import contradiction, help_needed

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.ledger import Ledger


@dataclass(frozen=True)
class Drawn:
    """A plan as it would be now; None where nothing can or need be done. ``gates`` as they stand.

    Where something that its steps need is missing, a run of it would send nothing: ``lacks``.
    """

    snapshot: Snapshot
    plan: Plan | None
    gates: tuple[GateState, ...]
    lacks: bool = False

    @property
    def why_none(self) -> str:
        """What there is to say where there is no plan."""
        if self.lacks:
            return "no plan: what its steps need is missing, see the problems above"
        for finding in self.snapshot.findings:
            if finding.evidence.grade is Grade.CONTRADICTED:
                return str(contradiction(finding))
        needed = help_needed(self.snapshot)
        return str(needed) if needed else f"{self.snapshot.site} is healthy: nothing to do"

    @property
    def exit_code(self) -> int:
        seen = exit_code(self.snapshot)
        if seen != REFUSED and self.lacks:
            return FAILED
        if seen == REFUSED or self.plan is None:
            return seen
        return OK if all(g.state == "open" for g in self.gates) else PERSON_NEEDED


async def draw_plan(engine: Engine, site: Site, ledger: Ledger, *, actor: str) -> Drawn:
    """Look, pages included, and plan what the next run by ``actor`` would plan."""
    async with reach(engine, site, ledger) as connection:
        snapshot = await look_through(connection, engine, site, ledger, pages=True)
        if any(f.evidence.grade is Grade.CONTRADICTED for f in snapshot.findings):
            return Drawn(snapshot, None, ())
        case = await ledger.open_case_of(site.name)
        deleted = await ledger.deleted_edges(case.id) if case else set()
        plan = make_plan(engine.target(site), site, snapshot, frozenset(deleted), await ledger.last_digest(site.name))
        lacking = await missing(engine, connection, plan.steps) if plan.steps else []
    snapshot = noted(snapshot, [*lacking, *await unmet(engine, site)])
    if not plan.steps:
        return Drawn(snapshot, None, ())
    try:
        plan = await bound_plan(engine, ledger, site, plan)
    except RetrustError as error:
        if not lacking:
            raise
        return Drawn(noted(snapshot, [] if str(error) in snapshot.problems else [error]), None, (), lacks=True)
    matter = await matter_of(engine, ledger, site, case or _imagined_case(site, plan, actor), plan)
    return Drawn(snapshot, plan, await foreseen(engine, matter, Attendance(actor)), lacks=bool(lacking))


def _imagined_case(site: Site, plan: Plan, actor: str) -> Case:
    """The case that a run would open; gates are asked about it, and nothing is recorded."""
    now = datetime.now(UTC)
    return Case(
        id="none yet",
        site=site.name,
        state=State.PLANNED,
        opened_at=now,
        updated_at=now,
        cause=f"a look from {socket.gethostname()}",
        requested_by=actor,
        planners=(actor,),
        digest=plan.digest,
    )


def renewal_impact(engine: Engine, site: Site, snapshot: Snapshot, node: str) -> list[Finding] | None:
    """The pins about a node's certificate; None where the site has no such node."""
    target, named = engine.target(site), site.endpoints()
    about = [
        f
        for f in snapshot.findings
        if (place := target.locate(site, f.pin)).kind == "endpoint"
        and place.endpoint is not None
        and (node in (place.peer, place.endpoint.host) or place.endpoint == named.get(node))
    ]
    return about or ([] if node in (*target.holders(site), *named) else None)
