"""The remediation as a Prefect flow: each part of a pass (``retrust.runs.passes``) is a task of the run's timeline.

    detect → list → plan → gates → the target's stages → verify

A run takes a site's name and nothing else: no decision, no secret and no option is a parameter. What the process
that starts it lends it (who is at the terminal, above all) is bound into a flow of its own, so that starting or
retrying a run in Prefect's own pages opens no gate.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from prefect import Flow, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.context import get_run_context
from prefect.states import Cancelled, Completed

from retrust.approval.decisions import Attendance
from retrust.engine.engine import Engine
from retrust.errors import CalledOff
from retrust.ledger import Ledger
from retrust.models import GateState, Plan, Progress, Snapshot
from retrust.runs.endings import Ended
from retrust.runs.passes import at_will, one_pass
from retrust.runs.phases import Approved, Done, Looked, Planned, Verified, Waiting
from retrust_flows import artifacts


@dataclass
class Lent:
    """What the process that runs the flow lends it. ``planned`` hears of a plan whose gates were asked.

    ``go_on`` is asked before each write: see ``retrust.runs.phases``.
    """

    engine: Engine
    ledger: Ledger
    by: Attendance
    progress: Callable[[Progress], None] = lambda _: None
    tell: Callable[[str], None] = lambda _: None
    planned: Callable[[Snapshot, Plan, tuple[GateState, ...]], None] = lambda *_: None
    go_on: Callable[[], Awaitable[None]] = at_will
    ended: Ended | None = None


def remediation(lent: Lent | None) -> Flow[[str], Any]:
    """The flow, with what it is lent; with None it starts an engine of its own and nobody attends it."""

    @flow(name="remediate", flow_run_name="{site}", persist_result=False, retries=0)
    async def remediate(site: str) -> Any:
        """One pass over a site: heals it, finds it healthy, or ends as *Waiting* for what a gate needs."""
        async with lent_or_own(lent) as use:
            run = str(get_run_context().flow_run.id)  # type: ignore[union-attr]
            use.ended = ended = await one_pass(
                use.engine,
                use.engine.site(site),
                use.ledger,
                use.by,
                run=run,
                tell=use.tell,
                follow=artifacts.progress_to(site, use.progress),
                part=_as_tasks(use),
                go_on=use.go_on,
            )
        if isinstance(ended.error, CalledOff):
            return Cancelled(message=str(ended.error))
        if ended.error is not None:
            raise ended.error
        return _STATES[ended.outcome](site, ended)

    return remediate


@asynccontextmanager
async def lent_or_own(lent: Lent | None) -> AsyncIterator[Lent]:
    """What was lent, or an engine of one's own until the block ends."""
    if lent is not None:
        yield lent
        return
    engine = Engine.start()
    async with await engine.open_ledger() as ledger:
        yield Lent(engine, ledger, Attendance("service"))


remediate = remediation(None)
"""What deployments name; a worker runs it with its own engine."""

_STATES: dict[str, Callable[[str, Ended], Any]] = {
    "healed": lambda site, ended: Completed(name="Healed", message=f"{site} is healed"),
    "healthy": lambda site, ended: Completed(name="Healthy", message=f"{site} is healthy: nothing to do"),
    "waiting": lambda site, ended: Completed(
        name="Waiting", message="; ".join(f"{g.gate}: {g.needs}" for g in ended.gates if g.state != "open")
    ),
}


def _as_tasks(lent: Lent) -> Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]:
    """Runs a part as a task with its name. Nothing is cached, kept or retried: a later pass observes again."""

    async def part(name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        @task(name=name, cache_policy=NO_CACHE, persist_result=False, retries=0)
        async def run() -> Any:
            reached = await work()
            await _leave(lent, reached)
            return reached

        return await run()

    return part


async def _leave(lent: Lent, reached: Any) -> None:
    """What the part leaves for people in Prefect's pages, and for the process that runs the flow."""
    match reached:
        case Verified():
            await artifacts.snapshot(reached.after)
        case Done():
            pass
        case Approved() | Waiting():
            await artifacts.gates(lent.engine, reached)
            lent.planned(reached.snapshot, reached.plan, reached.gates)
        case Planned():
            await artifacts.plan(reached.plan, ())
            await artifacts.tag_run(reached.case.id)
        case Looked():
            await artifacts.snapshot(reached.snapshot)
