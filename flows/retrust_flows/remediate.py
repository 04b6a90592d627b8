"""The remediation as a Prefect flow. It reads like the line that describes it:

    detect → list → plan → gates → the target's stages → verify

A run is one pass (``retrust.passes``). It takes a site's name and nothing else: no decision, no secret and
no option is a parameter, so that starting or retrying a run in Prefect's own pages opens no gate.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.context import get_run_context
from prefect.states import Completed

from retrust.engine import Engine
from retrust.ledger import Ledger
from retrust.passes import Pass, open_pass
from retrust.target import Progress
from retrust_flows import artifacts


@dataclass
class Here:
    """What the process that runs the flow lends it; without it, the flow starts an engine of its own."""

    engine: Engine
    ledger: Ledger
    actor: str
    progress: Callable[[Progress], None] = lambda _: None
    tell: Callable[[str], None] = lambda _: None
    planned: Callable[[Pass], None] = lambda _: None
    last: Pass | None = None


here: ContextVar[Here | None] = ContextVar("here", default=None)
_current: ContextVar[Pass] = ContextVar("current")


def _task(name: str) -> Callable[[Callable[..., Any]], Any]:
    """A task of the timeline. Nothing is cached, kept or retried: a later pass observes again."""
    return task(name=name, cache_policy=NO_CACHE, persist_result=False, retries=0)


@flow(name="remediate", flow_run_name="{site}", persist_result=False, retries=0)
async def remediate(site: str) -> Any:
    """One pass over a site: heals it, finds it healthy, or ends as *Waiting* for what a gate needs."""
    async with _pass_over(site) as this:
        await detect()
        await list_pins()
        if not await plan():
            return Completed(name="Healthy", message=f"{site} is healthy: nothing to do")
        if not await gates():
            needs = "; ".join(f"{g.gate}: {g.needs}" for g in this.gate_states if g.state != "open")
            return Completed(name="Waiting", message=needs)
        for stage in this.engine.target(this.site).stages:
            await _task(stage)(_execute)(stage)
        await verify()
    return Completed(name="Healed", message=f"{site} is healed")


@_task("detect")
async def detect() -> str:
    return await _current.get().detect()


@_task("list")
async def list_pins() -> int:
    this = _current.get()
    snapshot = await this.list_pins()
    await artifacts.snapshot(snapshot)
    return len(snapshot.findings)


@_task("plan")
async def plan() -> str | None:
    this = _current.get()
    made = await this.make_plan()
    if made is not None:
        await artifacts.plan(made, this.gate_states)
        await artifacts.tag_run(this)
    return made.digest if made else None


@_task("gates")
async def gates() -> bool:
    this = _current.get()
    opened = await this.gates()
    await artifacts.gates(this)
    if (lent := here.get()) is not None:
        lent.planned(this)
    return opened


async def _execute(stage: str) -> list[str]:
    results = await _current.get().execute(stage)
    return [f"{r.step}: {r.result}" for r in results]


@_task("verify")
async def verify() -> int:
    this = _current.get()
    after = await this.verify()
    await artifacts.snapshot(after)
    return len(after.findings)


@asynccontextmanager
async def _pass_over(site: str) -> AsyncIterator[Pass]:
    async with AsyncExitStack() as stack:
        lent = here.get()
        if lent is None:
            engine = Engine.start()
            lent = Here(engine, await stack.enter_async_context(await engine.open_ledger()), "service")
        run = str(get_run_context().flow_run.id)  # type: ignore[union-attr]
        progress = artifacts.progress_to(site, lent.progress)
        lent.last = await stack.enter_async_context(open_pass(
            lent.engine, lent.engine.site(site), lent.ledger, actor=lent.actor, run=run, progress=progress,
            tell=lent.tell))
        token = _current.set(lent.last)
        try:
            yield lent.last
        finally:
            _current.reset(token)
