"""A pass: one look at a site, what may be done about it, and the proof that it took effect.

A pass may start at any time, after a wait, a crash or a duplicate event, and always from the top:

    detect → list → plan → gates → the target's stages → verify

It observes the world again and does what is still missing. What must survive lives in the ledger. No
orchestrator is known here: ``retrust_flows`` wraps each part in a Prefect task, and tests call them bare.
"""

from __future__ import annotations

import os
import shutil
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from retrust.acceptance import record_change
from retrust.baselines import healthy_baselines, taken_up, verified_baselines
from retrust.deciding import decide_in_advance, gate_states, matter_of
from retrust.doubts import doubted
from retrust.engine import Engine
from retrust.errors import ChangedIdentity, PermanentError, PersonNeeded, Refused, RetrustError, TemporaryError
from retrust.help import help_needed, unanswered
from retrust.identities import accepted
from retrust.ledger.entries import Progressed
from retrust.milestones import Thinned
from retrust.models import Finding, GateState, Grade, Plan, Sighting, Snapshot, Step, StepResult
from retrust.observation import Known, take_snapshot
from retrust.planner import make_plan
from retrust.states import State
from retrust.steps import Drifted, StepRunner
from retrust.target import Connection, Follow, Progress, unfollowed

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.ledger import Case, Lease, Ledger


@dataclass
class Pass:
    """The state of one pass. Each public method is one task of the flow, in the order written."""

    engine: Engine
    site: Site
    ledger: Ledger
    lease: Lease
    run: str
    actor: str
    progress: Follow = unfollowed
    tell: Callable[[str], None] = lambda _: None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    case: Case | None = None
    sightings: tuple[Sighting, ...] = ()
    snapshot: Snapshot | None = None
    plan: Plan | None = None
    gate_states: tuple[GateState, ...] = ()
    results: list[StepResult] = field(default_factory=list)
    healed: bool = False
    _attempt: str = field(default_factory=lambda: uuid.uuid4().hex)
    _connection: Connection | None = None
    _step: Step | None = None
    _told: Thinned = field(default_factory=Thinned)

    # -- detect -----------------------------------------------------------------------------------

    async def detect(self) -> str:
        """What is known before we look: the sightings of this site, and its open case."""
        self.sightings = await sightings_of(self.ledger, self.site)
        self.case = await self.ledger.open_case_of(self.site.name)
        count = sum(s.count for s in self.sightings)
        case = f"case {self.case.id} is {self.case.state}" if self.case else "no open case"
        return f"{count} sighting{'s' if count != 1 else ''}; {case}"

    # -- list -------------------------------------------------------------------------------------

    async def list_pins(self) -> Snapshot:
        """Reach every holder, or nothing is done; then one snapshot of it all."""
        target = self.engine.target(self.site)
        services = self.engine.services(
            read_only=False, progress=self.follow, tell=self.tell, folder=self.folder,
            identities=accepted(await self.ledger.accepted_identities(self.site.name)))
        self._connection = await self.stack.enter_async_context(target.connect(self.site, services))
        self.snapshot = await self.look(pages=True)
        return self.snapshot

    @property
    def folder(self) -> Path:
        """For transcripts and pictures: of this pass alone, though a run retried by hand keeps its id."""
        return self.engine.home / "runs" / self._attempt

    def say(self, text: str) -> None:
        self.tell(self.engine.redactor.redact(text))

    async def follow(self, progress: Progress) -> None:
        """What goes on within a step, into the ledger and to whoever follows this run. It never ends a step."""
        if not self._told.is_news(progress):
            return
        told = Progress(self.engine.redactor.redact(progress.what), progress.percent)
        await self.progress(told)
        if self.case is None or self.plan is None or self._step is None:
            return
        try:
            await self.ledger.append(
                Progressed(digest=self.plan.digest, step=self._step.id, what=told.what, percent=told.percent),
                actor=self.actor, run=self.run, case=self.case.id, site=self.site.name)
        except RetrustError as error:
            self.say(f"{told} could not be kept: {error}")

    @property
    def connection(self) -> Connection:
        assert self._connection is not None, "list_pins() comes first"
        return self._connection

    async def look(self, *, pages: bool) -> Snapshot:
        known = Known(await self.ledger.baselines(self.site.name), self.sightings,
                      many_sites=len(self.engine.inventory.sites) > 1)
        return await take_snapshot(self.engine.target(self.site), self.site, self.connection, known,
                                   self.engine.collectors, pages=pages)

    # -- plan -------------------------------------------------------------------------------------

    async def make_plan(self) -> Plan | None:
        """The plan, or None where the site is healthy; an approved one that was begun is continued."""
        assert self.snapshot is not None
        await self._refuse_contradicted(self.snapshot)
        if self.case and self.case.state in _BEGUN and (begun := await self._begun_plan(self.case)):
            self.plan = begun
            return begun
        deleted = await self.ledger.deleted_edges(self.case.id) if self.case else frozenset()
        plan = make_plan(self.engine.target(self.site), self.site, self.snapshot, frozenset(deleted),
                         await self.ledger.last_digest(self.site.name))
        if not plan.steps:
            await self._nothing_to_do()
            return None
        if silence := unanswered(self.snapshot):
            raise silence
        await self._record(plan)
        self.plan = plan
        return plan

    async def _begun_plan(self, case: Case) -> Plan | None:
        """The plan whose digest this case has used, where every step of it is still what was approved."""
        used = await self.ledger.digest_use(case.digest) if case.digest else None
        return await self.ledger.plan(used.digest, case=case.id) if used and used.case == case.id else None

    async def _nothing_to_do(self) -> None:
        assert self.snapshot is not None
        if needed := help_needed(self.snapshot):
            raise needed
        await self.ledger.set_baselines(healthy_baselines(self.snapshot), actor=self.actor, run=self.run)
        if self.case:
            self.case = await self.ledger.move(self.case.id, "heal", actor=self.actor, run=self.run,
                                               why="observed healthy, nothing was missing")

    async def _record(self, plan: Plan) -> None:
        if self.case is None:
            self.case = await self.ledger.open_case(self.site.name, cause=self._cause(), actor=self.actor,
                                                    run=self.run)
        await self.ledger.record_snapshot(self.case.id, plan.snapshot, when="before", actor=self.actor, run=self.run)
        self.case = await self.ledger.record_plan(self.case.id, plan, actor=self.actor, run=self.run,
                                                  lease=self.lease)

    def _cause(self) -> str:
        if not self.sightings:
            return "a look at the site"
        latest = max(self.sightings, key=lambda s: s.at or s.received_at)
        return f"{latest.kind}: {latest.source}"

    async def _refuse_contradicted(self, snapshot: Snapshot) -> None:
        for finding in snapshot.findings:
            if finding.evidence.grade is Grade.CONTRADICTED:
                await self.refuse(contradiction(finding))

    async def refuse(self, error: Refused) -> None:
        """Raise the alarm, end the case as refused, and raise ``error``."""
        if self.case is None:
            self.case = await self.ledger.open_case(self.site.name, cause=self._cause(), actor=self.actor,
                                                    run=self.run)
        if self.snapshot is not None:
            await self.ledger.record_snapshot(self.case.id, self.snapshot, when="before", actor=self.actor,
                                              run=self.run)
        await self.ledger.alarm("refused", str(error), actor=self.actor, site=self.site.name,
                                case=self.case.id, run=self.run)
        raise error

    # -- gates ------------------------------------------------------------------------------------

    async def gates(self) -> bool:
        """Whether every gate of the plan is open; if not, the case waits and the pass ends."""
        assert self.case is not None
        assert self.plan is not None
        if self.case.state in _BEGUN and self.case.digest == self.plan.digest:
            return True
        matter = await matter_of(self.engine, self.ledger, self.site, self.case, self.plan)
        matter = await decide_in_advance(self.ledger, matter)
        self.gate_states = await gate_states(self.engine, matter)
        event = "approve" if all(g.state == "open" for g in self.gate_states) else "wait"
        self.case = await self.ledger.move(
            self.case.id, event, actor=self.actor, run=self.run, gates=self.gate_states)
        return event == "approve"

    # -- the target's stages ----------------------------------------------------------------------

    async def execute(self, stage: str) -> list[StepResult]:
        """Run the stage's steps: observe, act if needed, observe that it took effect."""
        assert self.plan is not None
        assert self.case is not None
        if self.case.state not in _BEGUN:
            await self.ledger.use_digest(self.case.id, self.plan.digest, actor=self.actor, run=self.run,
                                         lease=self.lease)
            self.case = await self.ledger.move(self.case.id, "execute", actor=self.actor, run=self.run,
                                               lease=self.lease)
        results = []
        for step in (s for s in self.plan.steps if s.stage == stage):
            result = await self._run_step(StepRunner(self, self.plan, self.case), step)
            results.append(result)
            self.results.append(result)
        return results

    async def _run_step(self, runner: StepRunner, step: Step) -> StepResult:
        """A step that fails after a delete which was never seen to take effect fails because of it, most likely."""
        self._step, self._told = step, Thinned()
        try:
            return await runner.run(step)
        except (PermanentError, PersonNeeded) as error:
            if isinstance(error, Drifted) or not (undecided := self._undecided()):
                raise
            raise PermanentError(f"{error.what}; {undecided}", where=error.where,
                                 hint="look whether that pin is an old one: delete it there by hand, then run again"
                                 ) from error

    def _undecided(self) -> str:
        """The deletes that were sent and whose pin is listed again; empty where there is none."""
        steps = [r.step for r in self.results if r.result == "undecided"]
        return f"{', '.join(steps)}: still listed after being sent, so it may have had no effect" if steps else ""

    # -- verify -----------------------------------------------------------------------------------

    async def verify(self) -> Snapshot:
        """List again, probe again, ask the target: healed, or an error that says what is not."""
        assert self.plan is not None
        assert self.case is not None
        self.case = await self.ledger.move(self.case.id, "verify", actor=self.actor, run=self.run)
        self.sightings = await sightings_of(self.ledger, self.site)
        await self.connection.settle()
        after = await self.look(pages=True)
        try:
            await self._refuse_other_certificates(after)
            self._fail_unhealthy(after)
            await self._fail_doubted(after)
        except RetrustError:
            await self._keep_after(after)
            raise
        touched = {edge for step in self.plan.steps for edge in step.expected}
        verified = [*verified_baselines(self.plan.snapshot, touched, after.observed_at), *healthy_baselines(after)]
        await self.ledger.set_baselines(verified, actor=self.actor, run=self.run)
        after = taken_up(after, verified)
        await self._keep_after(after)
        self.case = await self.ledger.move(self.case.id, "heal", actor=self.actor, run=self.run)
        self.healed = True
        if needed := help_needed(after, unread=False):
            raise needed
        return after

    async def _keep_after(self, after: Snapshot) -> None:
        assert self.case is not None
        await self.ledger.record_snapshot(self.case.id, after, when="after", actor=self.actor, run=self.run)

    async def _refuse_other_certificates(self, after: Snapshot) -> None:
        assert self.plan is not None
        expected = {edge: fp for step in self.plan.steps for edge, fp in step.expected.items()}
        for finding in after.findings:
            want = expected.get(finding.pin.edge)
            if want and finding.presented and finding.presented.fingerprint != want:
                await self.refuse(Refused(
                    f"{finding.endpoint} presents {finding.presented.fingerprint}, approved was {want}",
                    where=finding.pin.holder, hint="it may be an interception: look at the path before anything else"))
            if want and finding.evidence.grade is Grade.CONTRADICTED:
                await self.refuse(contradiction(finding))

    def _fail_unhealthy(self, after: Snapshot) -> None:
        assert self.plan is not None
        touched = {s.relation for s in self.plan.steps if s.relation}
        for name in sorted(touched):
            relation = after.relations.get(name)
            if relation is None or relation.healthy is not True:
                status = repr(relation.status) if relation else "not to be read"
                undecided = self._undecided()
                raise PermanentError(f"{name} is {status} after all steps" + (f"; {undecided}" if undecided else ""),
                                     where=self.site.name,
                                     hint="the case stays open: mend the cause, then run again")


    async def _fail_doubted(self, after: Snapshot) -> None:
        assert self.plan is not None
        assert self.case is not None
        records = await self.ledger.steps(self.case.id, self.plan.digest)
        sent = {r.step: r.at for r in records if r.phase == "started"}
        for edge, line in doubted(self.engine.target(self.site), self.site, self.plan, after, self.sightings, sent):
            raise PermanentError(f"{edge}: a new log line says that the certificate is another one: {line.source}",
                                 where=self.site.name, hint="look at what the holder connects to, then run again")


_BEGUN = (State.EXECUTING, State.VERIFYING)


def contradiction(finding: Finding) -> Refused:
    """The refusal that a contradicted edge deserves, quoting who contradicts."""
    said = "; ".join(f"{c.collector}: {c.detail}" for c in finding.evidence.collected
                     if c.grade is Grade.CONTRADICTED)
    return Refused(f"what is seen of {finding.pin.edge} looks like an interception: {said}", where=finding.pin.holder,
                   hint="nothing was deleted; find out who answers on that path before anything else")


@asynccontextmanager
async def open_pass(engine: Engine, site: Site, ledger: Ledger, *, actor: str, run: str | None = None,
                    progress: Follow = unfollowed,
                    tell: Callable[[str], None] = lambda _: None) -> AsyncIterator[Pass]:
    """One pass with the site's lease; however it ends, the case says so and every connection is closed."""
    run = run or uuid.uuid4().hex
    async with ledger.lease(site.name, owner=f"{socket.gethostname()}/{os.getpid()}", ttl=LEASE_TTL, run=run,
                            what=f"a run by {actor}") as lease:
        this = Pass(engine, site, ledger, lease, run, actor, progress, tell)
        try:
            async with this.stack:
                yield this
        except RetrustError as error:
            await _record_failure(this, error)
            raise
        finally:
            await _keep_files(this)


LEASE_TTL = 30.0
"""Seconds after which a lease that nobody renews may be taken over."""


async def _record_failure(this: Pass, error: RetrustError) -> None:
    """Write into the case how the pass ended. A lost lease writes nothing: another run has the case now."""
    from retrust.ledger import LeaseLost

    if isinstance(error, ChangedIdentity):
        await _report_change(this, error)
    if this.case is None or isinstance(error, LeaseLost):
        return
    case = await this.ledger.case(this.case.id)
    event = ("wait" if isinstance(error, PersonNeeded | ChangedIdentity) and not isinstance(error, Drifted)
             else "refuse" if isinstance(error, Refused) else "plan" if isinstance(error, Drifted) else "fail")
    if case.is_open:
        this.case = await this.ledger.move(
            case.id, event, actor=this.actor, run=this.run,
            why=str(error), retry=isinstance(error, TemporaryError))


async def _report_change(this: Pass, error: ChangedIdentity) -> None:
    """A node's own identity changed: a finding of the case, which then waits for a person to accept it."""
    if this.case is None:
        this.case = await this.ledger.open_case(this.site.name, cause=f"the {error.kind} of {error.node} changed",
                                                actor=this.actor, run=this.run)
    await record_change(this.ledger, this.case, error, actor=this.actor, run=this.run)


async def _keep_files(this: Pass) -> None:
    """Transcripts and pictures of the run belong to its case; without a case nobody needs them."""
    folder = this.folder
    if not folder.is_dir():
        return
    if this.case is None:
        shutil.rmtree(folder)
        return
    for path in sorted(folder.iterdir()):
        await this.ledger.attach(this.case.id, f"{folder.name[:8]}/{path.name}", path, actor=this.actor, run=this.run)


async def sightings_of(ledger: Ledger, site: Site) -> tuple[Sighting, ...]:
    """The sightings of this site, and those that no site has claimed yet."""
    return tuple(await ledger.sightings(site.name))
