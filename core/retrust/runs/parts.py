"""The parts of a pass: what each of them does. Their order is ``passes``', what they make is ``phases``'."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from retrust.approval.acceptance import accepted
from retrust.approval.decisions import decide_in_advance, gate_states, matter_of
from retrust.errors import CalledOff, PermanentError, PersonNeeded, Refused, RetrustError
from retrust.ledger.entries import StepRecorded
from retrust.ledger.errors import Stopped
from retrust.ledger.records import A_LOOK
from retrust.models import Grade, Plan, Sighting, Snapshot, Step, StepResult
from retrust.runs.commitments import bound_plan, commitments
from retrust.runs.phases import Approved, Detected, Done, Healthy, Looked, Pass, Planned, Verified, Waiting, become
from retrust.runs.plan import make_plan
from retrust.runs.preflight import prove, prove_writable
from retrust.runs.reaching import known_of
from retrust.runs.steps import Drifted, StepContext, StepRunner
from retrust.states import State
from retrust.target import Connection
from retrust.trust.baselines import baseline, healthy_baselines, taken_up, verified_baselines
from retrust.trust.blockers import contradiction, help_needed, unanswered
from retrust.trust.doubts import doubted
from retrust.trust.first_use import watch
from retrust.trust.observation import take_snapshot

if TYPE_CHECKING:
    from retrust.ledger import Case

_BEGUN = (State.EXECUTING, State.VERIFYING)


# -- detect, list -------------------------------------------------------------------------------------------


async def detect(this: Pass) -> Detected:
    """What is known before we look: the sightings of this site, and its open case."""
    sightings = await _sightings(this)
    case = await this.ledger.open_case_of(this.site.name)
    count = sum(s.count for s in sightings)
    return Detected(
        sightings,
        f"{count} sighting{'s' if count != 1 else ''}; {f'case {case.id} is {case.state}' if case else 'no open case'}",
    )


async def look(this: Pass, stack: AsyncExitStack, detected: Detected) -> Looked:
    """Reach every holder, or nothing is done; then one snapshot of it all."""
    prove_writable(this.folder)
    target = this.engine.target(this.site)
    services = this.engine.services(
        read_only=False,
        progress=this.follower,
        tell=this.tell,
        folder=this.folder,
        identities=accepted(await this.ledger.accepted_identities(this.site.name)),
    )
    connection = await stack.enter_async_context(target.connect(this.site, services))
    snapshot = await _snapshot(this, connection, detected.sightings, pages=True)
    return become(Looked, detected, connection=connection, snapshot=snapshot)


async def _sightings(this: Pass) -> tuple[Sighting, ...]:
    """The sightings of this site, and those that no site has claimed yet."""
    return tuple(await this.ledger.sightings(this.site.name))


async def _snapshot(this: Pass, connection: Connection, sightings: tuple[Sighting, ...], *, pages: bool) -> Snapshot:
    known = await known_of(this.engine, this.site, this.ledger, sightings)
    return await take_snapshot(
        this.engine.target(this.site), this.site, connection, known, this.engine.collectors, pages=pages
    )


# -- plan ---------------------------------------------------------------------------------------------------


async def plan(this: Pass, looked: Looked) -> Planned | Healthy:
    """The plan, or health; an approved plan that was begun is continued."""
    case = await this.ledger.open_case_of(this.site.name)
    for finding in looked.snapshot.findings:
        if finding.evidence.grade is Grade.CONTRADICTED:
            await _refuse(this, looked, contradiction(finding))
    if case and case.state in _BEGUN and (begun := await _begun_plan(this, case)):
        return become(Planned, looked, case=case, plan=begun)
    deleted = await this.ledger.deleted_edges(case.id) if case else frozenset()
    made = make_plan(
        this.engine.target(this.site),
        this.site,
        looked.snapshot,
        frozenset(deleted),
        await this.ledger.last_digest(this.site.name),
    )
    if not made.steps:
        return become(Healthy, looked, case=await _nothing_to_do(this, looked, case))
    if silence := unanswered(looked.snapshot):
        raise silence
    made = await bound_plan(this.engine, this.ledger, this.site, made)
    case = await _case(this, looked)
    await this.ledger.record_snapshot(case.id, made.snapshot, when="before", **this.who)
    case = await this.ledger.record_plan(case.id, made, lease=this.lease, **this.who)
    return become(Planned, looked, case=case, plan=made)


async def _begun_plan(this: Pass, case: Case) -> Plan | None:
    """The plan whose digest this case has used, where all that it binds is still what was approved."""
    used = await this.ledger.digest_use(case.digest) if case.digest else None
    begun = await this.ledger.plan(used.digest, case=case.id) if used and used.case == case.id else None
    if begun is None:
        return None
    planned = begun.unpinned
    deleted = frozenset(await this.ledger.deleted_edges(case.id))
    now = {s.id: s for s in this.engine.target(this.site).steps(this.site, planned, begun.snapshot, deleted)}
    same = all(s.id in now and now[s.id].sends == s.sends for s in begun.steps)
    return begun if same and await bound_plan(this.engine, this.ledger, this.site, begun) == begun else None


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
    cause = f"{latest.kind}: {latest.source}" if latest else A_LOOK
    return await this.ledger.open_case(this.site.name, cause=cause, **this.who)


async def _refuse(this: Pass, looked: Looked, error: Refused) -> None:
    """Raise the alarm, end the case as refused, and raise ``error``."""
    case = await _case(this, looked)
    await this.ledger.record_snapshot(case.id, looked.snapshot, when="before", **this.who)
    await this.ledger.alarm("refused", str(error), site=this.site.name, case=case.id, **this.who)
    raise error


# -- gates --------------------------------------------------------------------------------------------------


async def ask_gates(this: Pass, planned: Planned) -> Approved | Waiting:
    """Whether every gate of the plan is open; if not, the case waits and the pass ends.

    A run that goes on after a crash asks them all again: time or others may have shut one.
    """
    begun = planned.case.state in _BEGUN and planned.case.digest == planned.plan.digest
    matter = await matter_of(this.engine, this.ledger, this.site, planned.case, planned.plan)
    if not begun:
        matter = await decide_in_advance(this.ledger, matter, this.by)
    states = await gate_states(this.engine, matter)
    opened = all(g.state == "open" for g in states)
    if begun and opened:
        return become(Approved, planned, gates=states)
    case = await this.ledger.move(planned.case.id, "approve" if opened else "wait", gates=states, **this.who)
    if not opened:
        return become(Waiting, planned, case=case, gates=states)
    return become(Approved, planned, case=case, gates=states)


# -- the target's stages ------------------------------------------------------------------------------------


async def execute(this: Pass, approved: Approved, stage: str) -> Done:
    """Prove once that the plan's steps lack nothing; then the stage's: observe, act if needed, observe the effect."""
    done = approved if isinstance(approved, Done) else become(Done, approved)
    if done is not approved:
        await prove(this.engine, done.connection, done.plan, await this.ledger.steps(done.case.id, done.plan.digest))
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
    except (Stopped, CalledOff) as error:
        error.what = f"{error.what}. {_so_far(done)}"
        raise
    except (PermanentError, PersonNeeded) as error:
        if isinstance(error, Drifted) or not (undecided := _undecided(done)):
            raise
        raise PermanentError(
            f"{error.what}; {undecided}",
            where=error.where,
            hint="look whether that pin is an old one: delete it there by hand, then run again",
        ) from error


def _context(this: Pass, done: Done) -> StepContext:
    case, plan = done.case, done.plan
    return StepContext(
        plan=plan,
        connection=done.connection,
        clocks=this.site.clocks,
        locate=partial(this.engine.target(this.site).locate, this.site),
        look=lambda: _snapshot(this, done.connection, done.sightings, pages=False),
        recorded=partial(this.ledger.steps, case.id, plan.digest),
        deleted=partial(this.ledger.deleted_edges, case.id),
        record=partial(this.ledger.record_step, case.id, plan.digest, lease=this.lease, actor=this.by.actor),
        verified=lambda finding: this.ledger.set_baselines(
            [baseline(this.site.name, finding, datetime.now(UTC))], **this.who
        ),
        may_write=partial(_may_write, this, done),
        check_lease=this.lease.check,
        refuse=partial(_refuse, this, done),
        follow=this.follower,
        say=this.say,
    )


async def _may_write(this: Pass, done: Done, step: Step) -> None:
    """The gates are open still, and the secrets what was approved; the case's own state is the ledger's to check."""
    await this.go_on()
    matter = await matter_of(this.engine, this.ledger, this.site, done.case, done.plan)
    if await _wrote(this, done.case):
        matter = replace(matter, takes=timedelta())
    if shut := [g for g in await gate_states(this.engine, matter) if g.state != "open"]:
        raise PersonNeeded(
            f"{'; '.join(f'the gate {g.gate} is {g.state} now: {g.needs}' for g in shut)}. {_so_far(done)}",
            where=this.site.name,
            hint="a new plan asks for new decisions",
        )
    now = await commitments(this.engine, step.secrets)
    if changed := [ref for ref in step.secrets if now[ref] != done.plan.commitments.get(ref)]:
        raise Drifted(
            f"the secret {', '.join(changed)} is another one than was approved. {_so_far(done)}",
            where=this.site.name,
            hint="a new plan asks for a new decision",
        )


async def _wrote(this: Pass, case: Case) -> bool:
    """Whether this very pass has sent something already."""
    recorded = (entry.body for entry in await this.ledger.entries(case=case.id, kinds=("step",)))
    return any(isinstance(r, StepRecorded) and (r.phase, r.token) == ("started", this.lease.token) for r in recorded)


def _so_far(done: Done) -> str:
    """What was sent and what remains, for whoever finds a run that stopped in the middle."""
    sent = [r.step for r in done.results if r.result != "not needed"]
    left = [s.id for s in done.plan.steps if s.id not in {r.step for r in done.results}]
    return f"Sent: {', '.join(sent) or 'nothing'}. Not sent: {', '.join(left) or 'nothing'}"


def _undecided(done: Done) -> str:
    """The deletes that were sent and whose pin is listed again; empty where there is none."""
    steps = [r.step for r in done.results if r.result == "undecided"]
    return f"{', '.join(steps)}: still listed after being sent, so it may have had no effect" if steps else ""


# -- verify -------------------------------------------------------------------------------------------------


async def verify(this: Pass, done: Done) -> Verified:
    """List again, probe again, ask the target: healed, or an error that says what is not."""
    done = replace(
        done, case=await this.ledger.move(done.case.id, "verify", **this.who), sightings=await _sightings(this)
    )
    await done.connection.settle()
    await _watch_first_use(this, done)
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
    return become(Verified, done, case=case, after=after)


async def _watch_first_use(this: Pass, done: Done) -> None:
    """Where the holder made its pins anew by itself, look again at what it is shown, at moments nobody can know."""
    target, trust = this.engine.target(this.site), this.site.trust
    deleted = await this.ledger.deleted_edges(done.case.id)
    anew = [f for f in done.plan.unpinned if f.pin.edge in deleted]
    if not anew or target.first_use != "blind" or trust.tunnels == "never":
        return
    if alarm := await watch(anew, partial(target.locate, this.site), done.connection, trust.watch, this.follower):
        await _refuse(this, done, alarm)


async def _refuse_other_certificates(this: Pass, done: Done, after: Snapshot) -> None:
    expected = {edge: fp for step in done.plan.steps for edge, fp in step.expected.items()}
    for finding in after.findings:
        want = expected.get(finding.pin.edge)
        if want and finding.presented and finding.presented.fingerprint != want:
            await _refuse(
                this,
                done,
                Refused(
                    f"{finding.endpoint} presents {finding.presented.fingerprint}, approved was {want}",
                    where=finding.pin.holder,
                    hint="it may be an interception: look at the path before anything else",
                ),
            )
        if want and finding.evidence.grade is Grade.CONTRADICTED:
            await _refuse(this, done, contradiction(finding))


def _fail_unhealthy(done: Done, after: Snapshot) -> None:
    for name in sorted({s.relation for s in done.plan.steps if s.relation}):
        relation = after.relations.get(name)
        if relation is None or relation.healthy is not True:
            status = repr(relation.status) if relation else "not readable"
            undecided = _undecided(done)
            raise PermanentError(
                f"{name} is {status} after all steps" + (f"; {undecided}" if undecided else ""),
                where=done.plan.site,
                hint="the case stays open: fix the cause, then run again",
            )


async def _fail_doubted(this: Pass, done: Done, after: Snapshot) -> None:
    records = await this.ledger.steps(done.case.id, done.plan.digest)
    sent = {r.step: r.at for r in records if r.phase == "started"}
    for edge, line in doubted(this.engine.target(this.site), this.site, done.plan, after, done.sightings, sent):
        raise PermanentError(
            f"{edge}: a new log line says that the certificate is another one: {line.source}",
            where=this.site.name,
            hint="look at what the holder connects to, then run again",
        )
