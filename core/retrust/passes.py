"""A pass: one look at a site, what may be done about it, and the proof that it took effect.

A pass may start at any time, after a wait, a crash or a duplicate event, and always from the top:

    detect → list → plan → gates → the target's stages → verify

It observes the world again and does what is still missing. Each part makes a frozen value from the one before, so
that nothing can be sent that was not approved. The order is written in ``one_pass`` alone: an orchestrator and tests
wrap its parts. What must survive lives in the ledger; how a pass is recorded at its end is ``endings``'.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from retrust.baselines import healthy_baselines, taken_up, verified_baselines
from retrust.deciding import Attendance, decide_in_advance, gate_states, matter_of
from retrust.doubts import doubted
from retrust.endings import Ended, keep_files, outcome_of, record_failure
from retrust.engine import Engine
from retrust.errors import PermanentError, PersonNeeded, Refused, RetrustError
from retrust.help import contradiction, help_needed, unanswered
from retrust.identities import accepted
from retrust.milestones import Follower
from retrust.models import GateState, Grade, Plan, Sighting, Snapshot, Step, StepResult
from retrust.observation import Known, take_snapshot
from retrust.planner import make_plan
from retrust.states import State
from retrust.steps import Drifted, StepContext, StepRunner
from retrust.target import Connection, Follow, unfollowed

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.ledger import Case, Lease, Ledger

LEASE_TTL = 30.0
"""Seconds after which a lease that nobody renews may be taken over."""

_BEGUN = (State.EXECUTING, State.VERIFYING)

T = TypeVar("T")
Part = Callable[[str, Callable[[], Awaitable[T]]], Awaitable[T]]
"""Runs one part of a pass, which it is given by name: as a task of an orchestrator, or just so."""


async def bare(name: str, work: Callable[[], Awaitable[T]]) -> T:
    return await work()


@dataclass(frozen=True)
class Pass:
    """What one pass works with. ``by`` is who started it; ``folder`` takes its transcripts and pictures."""

    engine: Engine
    site: Site
    ledger: Ledger
    lease: Lease
    run: str
    by: Attendance
    follower: Follower
    tell: Callable[[str], None]
    folder: Path

    @property
    def who(self) -> dict[str, Any]:
        """As whom and in which run the ledger is written to."""
        return {"actor": self.by.actor, "run": self.run}

    def say(self, text: str) -> None:
        self.tell(self.engine.redactor.redact(text))


# -- what each part makes ---------------------------------------------------------------------------------


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


def _become(kind: type[T], before: Any, **more: Any) -> T:
    """The next part's value: all of the one before, and ``more``."""
    wanted = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**{f.name: getattr(before, f.name) for f in fields(before) if f.name in wanted} | more)


# -- the order ----------------------------------------------------------------------------------------------


async def one_pass(engine: Engine, site: Site, ledger: Ledger, by: Attendance, *, run: str | None = None,
                   follow: Follow = unfollowed, tell: Callable[[str], None] = lambda _: None,
                   part: Part[Any] = bare) -> Ended:
    """One pass with the site's lease; however it ends, the case says so and every connection is closed."""
    run = run or uuid.uuid4().hex
    try:
        async with ledger.lease(site.name, owner=f"{socket.gethostname()}/{os.getpid()}", ttl=LEASE_TTL, run=run,
                                what=f"a run by {by.actor}") as lease:
            follower = Follower(ledger, engine.redactor.redact, by.actor, run, site.name, follow, tell)
            # A run retried by hand keeps its id, so the folder is of this attempt alone.
            folder = engine.home / "runs" / uuid.uuid4().hex
            return await _leased(Pass(engine, site, ledger, lease, run, by, follower, tell, folder), part)
    except RetrustError as error:
        return Ended(outcome_of(error), error=error)


async def _leased(this: Pass, part: Part[Any]) -> Ended:
    reached: list[Detected] = []
    case: Case | None = None
    try:
        async with AsyncExitStack() as stack:
            await _in_order(this, stack, part, reached)
    except RetrustError as error:
        case = await record_failure(this.ledger, this.site, error, **this.who)
        return _ended(outcome_of(error), reached, case or _case_of(reached), error)
    finally:
        if this.folder.is_dir():
            case = case or _case_of(reached) or await this.ledger.open_case_of(this.site.name)
            await keep_files(this.ledger, this.folder, case, **this.who)
    last = reached[-1]
    outcome = "healthy" if isinstance(last, Healthy) else "waiting" if isinstance(last, Waiting) else "healed"
    return _ended(outcome, reached, _case_of(reached), None)


async def _in_order(this: Pass, stack: AsyncExitStack, part: Part[Any], reached: list[Detected]) -> None:
    """The parts, in the order of the line that describes them; ``reached`` are their values so far."""
    async def run(name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        reached.append(await part(name, work))
        return reached[-1]

    detected = await run("detect", partial(detect, this))
    looked = await run("list", partial(look, this, stack, detected))
    planned = await run("plan", partial(plan, this, looked))
    if isinstance(planned, Healthy):
        return
    done = await run("gates", partial(ask_gates, this, planned))
    if isinstance(done, Waiting):
        return
    for stage in this.engine.target(this.site).stages:
        done = await run(stage, partial(execute, this, done, stage))
    await run("verify", partial(verify, this, done))


def _case_of(reached: list[Detected]) -> Case | None:
    return next((value.case for value in reversed(reached) if isinstance(value, Planned | Healthy)), None)


def _ended(outcome: Any, reached: list[Detected], case: Case | None, error: RetrustError | None) -> Ended:
    last = reached[-1] if reached else None
    return Ended(outcome, case,
                 snapshot=last.snapshot if isinstance(last, Looked) else None,
                 plan=last.plan if isinstance(last, Planned) else None,
                 gates=last.gates if isinstance(last, Approved | Waiting) else (),
                 results=last.results if isinstance(last, Done) else (), error=error)


# -- detect, list -------------------------------------------------------------------------------------------


async def detect(this: Pass) -> Detected:
    """What is known before we look: the sightings of this site, and its open case."""
    sightings = await _sightings(this)
    case = await this.ledger.open_case_of(this.site.name)
    count = sum(s.count for s in sightings)
    return Detected(sightings, f"{count} sighting{'s' if count != 1 else ''}; "
                               f"{f'case {case.id} is {case.state}' if case else 'no open case'}")


async def look(this: Pass, stack: AsyncExitStack, detected: Detected) -> Looked:
    """Reach every holder, or nothing is done; then one snapshot of it all."""
    target = this.engine.target(this.site)
    services = this.engine.services(
        read_only=False, progress=this.follower, tell=this.tell, folder=this.folder,
        identities=accepted(await this.ledger.accepted_identities(this.site.name)))
    connection = await stack.enter_async_context(target.connect(this.site, services))
    snapshot = await _snapshot(this, connection, detected.sightings, pages=True)
    return _become(Looked, detected, connection=connection, snapshot=snapshot)


async def _sightings(this: Pass) -> tuple[Sighting, ...]:
    """The sightings of this site, and those that no site has claimed yet."""
    return tuple(await this.ledger.sightings(this.site.name))


async def _snapshot(this: Pass, connection: Connection, sightings: tuple[Sighting, ...], *, pages: bool) -> Snapshot:
    known = Known(await this.ledger.baselines(this.site.name), sightings,
                  many_sites=len(this.engine.inventory.sites) > 1)
    return await take_snapshot(this.engine.target(this.site), this.site, connection, known, this.engine.collectors,
                               pages=pages)


# -- plan ---------------------------------------------------------------------------------------------------


async def plan(this: Pass, looked: Looked) -> Planned | Healthy:
    """The plan, or health; an approved plan that was begun is continued."""
    case = await this.ledger.open_case_of(this.site.name)
    for finding in looked.snapshot.findings:
        if finding.evidence.grade is Grade.CONTRADICTED:
            await _refuse(this, looked, contradiction(finding))
    if case and case.state in _BEGUN and (begun := await _begun_plan(this, case)):
        return _become(Planned, looked, case=case, plan=begun)
    deleted = await this.ledger.deleted_edges(case.id) if case else frozenset()
    made = make_plan(this.engine.target(this.site), this.site, looked.snapshot, frozenset(deleted),
                     await this.ledger.last_digest(this.site.name))
    if not made.steps:
        return _become(Healthy, looked, case=await _nothing_to_do(this, looked, case))
    if silence := unanswered(looked.snapshot):
        raise silence
    case = await _case(this, looked)
    await this.ledger.record_snapshot(case.id, made.snapshot, when="before", **this.who)
    case = await this.ledger.record_plan(case.id, made, lease=this.lease, **this.who)
    return _become(Planned, looked, case=case, plan=made)


async def _begun_plan(this: Pass, case: Case) -> Plan | None:
    """The plan whose digest this case has used, where every step of it is still what was approved."""
    used = await this.ledger.digest_use(case.digest) if case.digest else None
    return await this.ledger.plan(used.digest, case=case.id) if used and used.case == case.id else None


async def _nothing_to_do(this: Pass, looked: Looked, case: Case | None) -> Case | None:
    if needed := help_needed(looked.snapshot):
        raise needed
    await this.ledger.set_baselines(healthy_baselines(looked.snapshot), **this.who)
    if case is None:
        return None
    return await this.ledger.move(case.id, "heal", why="observed healthy, nothing was missing", **this.who)


async def _case(this: Pass, looked: Looked) -> Case:
    """The site's open case, or a new one that says what caused it."""
    latest = max(looked.sightings, key=lambda s: s.at or s.received_at, default=None)
    cause = f"{latest.kind}: {latest.source}" if latest else "a look at the site"
    return await this.ledger.open_case(this.site.name, cause=cause, **this.who)


async def _refuse(this: Pass, looked: Looked, error: Refused) -> None:
    """Raise the alarm, end the case as refused, and raise ``error``."""
    case = await _case(this, looked)
    await this.ledger.record_snapshot(case.id, looked.snapshot, when="before", **this.who)
    await this.ledger.alarm("refused", str(error), site=this.site.name, case=case.id, **this.who)
    raise error


# -- gates --------------------------------------------------------------------------------------------------


async def ask_gates(this: Pass, planned: Planned) -> Approved | Waiting:
    """Whether every gate of the plan is open; if not, the case waits and the pass ends."""
    if planned.case.state in _BEGUN and planned.case.digest == planned.plan.digest:
        return _become(Approved, planned, gates=())
    matter = await matter_of(this.engine, this.ledger, this.site, planned.case, planned.plan)
    matter = await decide_in_advance(this.ledger, matter, this.by)
    states = await gate_states(this.engine, matter)
    opened = all(g.state == "open" for g in states)
    case = await this.ledger.move(planned.case.id, "approve" if opened else "wait", gates=states, **this.who)
    if not opened:
        return _become(Waiting, planned, case=case, gates=states)
    return _become(Approved, planned, case=case, gates=states)


# -- the target's stages ------------------------------------------------------------------------------------


async def execute(this: Pass, approved: Approved, stage: str) -> Done:
    """Run the stage's steps: observe, act if needed, observe that it took effect."""
    done = approved if isinstance(approved, Done) else _become(Done, approved)
    if done.case.state not in _BEGUN:
        await this.ledger.use_digest(done.case.id, done.plan.digest, lease=this.lease, **this.who)
        done = replace(done, case=await this.ledger.move(done.case.id, "execute", lease=this.lease, **this.who))
    for step in (s for s in done.plan.steps if s.stage == stage):
        done = replace(done, results=(*done.results, await _one_step(this, done, step)))
    return done


async def _one_step(this: Pass, done: Done, step: Step) -> StepResult:
    """A step that fails after a delete which was never seen to take effect fails because of it, most likely."""
    try:
        with this.follower.about(done.case.id, done.plan.digest, step.id):
            return await StepRunner(_context(this, done)).run(step)
    except (PermanentError, PersonNeeded) as error:
        if isinstance(error, Drifted) or not (undecided := _undecided(done)):
            raise
        raise PermanentError(f"{error.what}; {undecided}", where=error.where,
                             hint="look whether that pin is an old one: delete it there by hand, then run again"
                             ) from error


def _context(this: Pass, done: Done) -> StepContext:
    case, plan = done.case, done.plan
    return StepContext(
        plan=plan, connection=done.connection,
        clocks=this.site.clocks,
        locate=partial(this.engine.target(this.site).locate, this.site),
        look=lambda: _snapshot(this, done.connection, done.sightings, pages=False),
        recorded=partial(this.ledger.steps, case.id, plan.digest),
        deleted=partial(this.ledger.deleted_edges, case.id),
        record=partial(this.ledger.record_step, case.id, plan.digest, lease=this.lease, actor=this.by.actor),
        check_lease=this.lease.check, refuse=partial(_refuse, this, done), follow=this.follower, say=this.say)


def _undecided(done: Done) -> str:
    """The deletes that were sent and whose pin is listed again; empty where there is none."""
    steps = [r.step for r in done.results if r.result == "undecided"]
    return f"{', '.join(steps)}: still listed after being sent, so it may have had no effect" if steps else ""


# -- verify -------------------------------------------------------------------------------------------------


async def verify(this: Pass, done: Done) -> Verified:
    """List again, probe again, ask the target: healed, or an error that says what is not."""
    done = replace(done, case=await this.ledger.move(done.case.id, "verify", **this.who),
                   sightings=await _sightings(this))
    await done.connection.settle()
    after = await _snapshot(this, done.connection, done.sightings, pages=True)
    try:
        await _refuse_other_certificates(this, done, after)
        _fail_unhealthy(done, after)
        await _fail_doubted(this, done, after)
    except RetrustError:
        await this.ledger.record_snapshot(done.case.id, after, when="after", **this.who)
        raise
    touched = {edge for step in done.plan.steps for edge in step.expected}
    verified = [*verified_baselines(done.plan.snapshot, touched, after.observed_at), *healthy_baselines(after)]
    await this.ledger.set_baselines(verified, **this.who)
    after = taken_up(after, verified)
    await this.ledger.record_snapshot(done.case.id, after, when="after", **this.who)
    case = await this.ledger.move(done.case.id, "heal", **this.who)
    if needed := help_needed(after, unread=False):
        raise needed
    return _become(Verified, done, case=case, after=after)


async def _refuse_other_certificates(this: Pass, done: Done, after: Snapshot) -> None:
    expected = {edge: fp for step in done.plan.steps for edge, fp in step.expected.items()}
    for finding in after.findings:
        want = expected.get(finding.pin.edge)
        if want and finding.presented and finding.presented.fingerprint != want:
            await _refuse(this, done, Refused(
                f"{finding.endpoint} presents {finding.presented.fingerprint}, approved was {want}",
                where=finding.pin.holder, hint="it may be an interception: look at the path before anything else"))
        if want and finding.evidence.grade is Grade.CONTRADICTED:
            await _refuse(this, done, contradiction(finding))


def _fail_unhealthy(done: Done, after: Snapshot) -> None:
    for name in sorted({s.relation for s in done.plan.steps if s.relation}):
        relation = after.relations.get(name)
        if relation is None or relation.healthy is not True:
            status = repr(relation.status) if relation else "not readable"
            undecided = _undecided(done)
            raise PermanentError(f"{name} is {status} after all steps" + (f"; {undecided}" if undecided else ""),
                                 where=done.plan.site, hint="the case stays open: fix the cause, then run again")


async def _fail_doubted(this: Pass, done: Done, after: Snapshot) -> None:
    records = await this.ledger.steps(done.case.id, done.plan.digest)
    sent = {r.step: r.at for r in records if r.phase == "started"}
    for edge, line in doubted(this.engine.target(this.site), this.site, done.plan, after, done.sightings, sent):
        raise PermanentError(f"{edge}: a new log line says that the certificate is another one: {line.source}",
                             where=this.site.name, hint="look at what the holder connects to, then run again")
