"""A pass: one look at a site, what may be done about it, and the proof that it took effect.

A pass may start at any time, after a wait, a crash or a duplicate event, and always from the top:

    detect → list → plan → gates → the target's stages → verify

It observes the world again and does what is still missing. The order is written here alone: an orchestrator and
tests wrap its parts. Each part makes a value of ``phases`` from the one before; what they do is ``parts``', and how
a pass is recorded at its end is ``endings``'. What must survive lives in the ledger.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from retrust.approval.decisions import Attendance
from retrust.engine.engine import Engine
from retrust.errors import RetrustError
from retrust.runs import parts
from retrust.runs.endings import Ended, Outcome, keep_files, outcome_of, record_failure
from retrust.runs.milestones import Follower
from retrust.runs.phases import Approved, Detected, Done, Healthy, Looked, Pass, Planned, Verified, Waiting
from retrust.target import Follow, unfollowed

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.ledger import Case, Ledger

LEASE_TTL = 30.0
"""Seconds after which a lease that nobody renews may be taken over."""

T = TypeVar("T")
Part = Callable[[str, Callable[[], Awaitable[T]]], Awaitable[T]]
"""Runs one part of a pass, which it is given by name: as a task of an orchestrator, or just so."""


async def bare(name: str, work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def at_will() -> None:
    """A pass that nobody calls off."""


async def one_pass(
    engine: Engine,
    site: Site,
    ledger: Ledger,
    by: Attendance,
    *,
    run: str | None = None,
    follow: Follow = unfollowed,
    tell: Callable[[str], None] = lambda _: None,
    part: Part[Any] = bare,
    go_on: Callable[[], Awaitable[None]] = at_will,
    acts: bool = True,
) -> Ended:
    """One pass with the site's lease; however it ends, the case says so and every connection is closed.

    One that does not act ends with its plan: no gate is asked, nothing is decided and nothing is sent.
    """
    run = run or uuid.uuid4().hex
    try:
        async with ledger.lease(
            site.name,
            owner=f"{socket.gethostname()}/{os.getpid()}",
            ttl=LEASE_TTL,
            run=run,
            what=f"a run by {by.actor}",
        ) as lease:
            follower = Follower(ledger, engine.redactor.redact, by.actor, run, site.name, follow, tell)
            # A run retried by hand keeps its id, so the folder is of this attempt alone.
            folder = engine.home / "runs" / uuid.uuid4().hex
            this = Pass(engine, site, ledger, lease, run, by, follower, tell, folder, go_on)
            return await _leased(this, part, acts)
    except RetrustError as error:
        return Ended(outcome_of(error), error=error)


async def _leased(this: Pass, part: Part[Any], acts: bool) -> Ended:
    reached: list[Detected] = []
    case: Case | None = None
    try:
        async with AsyncExitStack() as stack:
            await _in_order(this, stack, part, reached, acts)
    except RetrustError as error:
        case = await record_failure(this.ledger, this.site, error, **this.who)
        return _ended(outcome_of(error), reached, case or _case_of(reached), error)
    finally:
        if this.folder.is_dir():
            case = case or _case_of(reached) or await this.ledger.open_case_of(this.site.name)
            await keep_files(this.ledger, this.folder, case, **this.who)
    return _ended(_OUTCOMES[type(reached[-1])], reached, _case_of(reached), None)


_OUTCOMES: dict[type[Detected], Outcome] = {
    Healthy: "healthy",
    Planned: "planned",
    Waiting: "waiting",
    Verified: "healed",
}


async def _in_order(this: Pass, stack: AsyncExitStack, part: Part[Any], reached: list[Detected], acts: bool) -> None:
    """The parts, in the order of the line that describes them; ``reached`` are their values so far."""

    async def run(name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        reached.append(await part(name, work))
        return reached[-1]

    detected = await run("detect", partial(parts.detect, this))
    looked = await run("list", partial(parts.look, this, stack, detected))
    planned = await run("plan", partial(parts.plan, this, looked))
    if isinstance(planned, Healthy) or not acts:
        return
    done = await run("gates", partial(parts.ask_gates, this, planned))
    if isinstance(done, Waiting):
        return
    for stage in this.engine.target(this.site).stages:
        done = await run(stage, partial(parts.execute, this, done, stage))
    await run("verify", partial(parts.verify, this, done))


def _case_of(reached: list[Detected]) -> Case | None:
    return next((value.case for value in reversed(reached) if isinstance(value, Planned | Healthy)), None)


def _ended(outcome: Any, reached: list[Detected], case: Case | None, error: RetrustError | None) -> Ended:
    last = reached[-1] if reached else None
    return Ended(
        outcome,
        case,
        snapshot=last.snapshot if isinstance(last, Looked) else None,
        plan=last.plan if isinstance(last, Planned) else None,
        gates=last.gates if isinstance(last, Approved | Waiting) else (),
        results=last.results if isinstance(last, Done) else (),
        error=error,
    )
