"""One step of an approved plan: observe → expect → act if needed → observe that it took effect.

Before each write the world is observed again. If it is not what was approved, nothing more is written:
``Drifted`` asks for a new plan, ``Refused`` raises the alarm. The ledger is told before and after each
send, so that a run that starts again knows what was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from retrust.errors import PermanentError, PersonNeeded, Refused, TemporaryError
from retrust.models import Finding, Grade, Pin, Plan, Progress, Snapshot, Step, StepResult
from retrust.target import Connection, Follow, Observed, Place
from retrust.trust.blockers import contradiction
from retrust.trust.first_use import another_certificate

if TYPE_CHECKING:
    from retrust.inventory.model import Clocks
    from retrust.ledger import Phase, StepRecord

POLL = 1.0
"""Seconds between two looks at a step that is in motion."""


class Drifted(PersonNeeded):
    """The world is not what was approved; nothing more was written, and a new plan asks for new decisions."""


@dataclass(frozen=True)
class StepContext:
    """What the steps of one approved plan may use: its connection, its own part of the ledger, and one more look.

    ``record`` writes a step's phase under the site's lease, ``deleted`` are the edges whose delete this
    case has sent, ``may_write`` raises where a gate is shut by now or a secret changed, ``verified`` sets
    an edge's baseline, ``refuse`` raises the alarm and the error it is given.
    """

    plan: Plan
    connection: Connection
    clocks: Clocks
    locate: Callable[[Pin], Place]
    look: Callable[[], Awaitable[Snapshot]]
    recorded: Callable[[], Awaitable[Sequence[StepRecord]]]
    deleted: Callable[[], Awaitable[Collection[str]]]
    record: Callable[[str, Phase, str], Awaitable[object]]
    may_write: Callable[[Step], Awaitable[None]]
    check_lease: Callable[[], Awaitable[object]]
    verified: Callable[[Finding], Awaitable[object]]
    refuse: Callable[[Refused], Awaitable[None]]
    follow: Follow
    say: Callable[[str], None]


class StepRunner:
    """Runs steps of one plan in one pass."""

    def __init__(self, context: StepContext) -> None:
        self._use = context
        self._plan = context.plan
        self._looked = datetime.min.replace(tzinfo=UTC)

    async def run(self, step: Step) -> StepResult:
        """Do what is missing of the step; says what was done, or raises and names the step."""
        phases = await self._phases(step)
        observed = await self._settled(step, sent="sent" in phases)
        if observed.state in ("done", "undecided"):
            return await self._found(step, observed, phases)
        await self._expect(step)
        await self._send(step)
        observed = await self._settled(step, sent=True)
        if observed.state not in ("done", "undecided"):
            await self._record(step, "failed", observed.text)
            raise PermanentError(
                f"{step.kind} {step.argument} had no effect: {observed.text}",
                where=step.holder,
                hint="the case stays open: fix the cause, then run again",
            )
        if step.unpins:
            await self._guard_first_use(step, gone=observed.state == "done")
        return await self._end(step, "done" if observed.state == "done" else "undecided", observed.text)

    async def _found(self, step: Step, observed: Observed, phases: set[str]) -> StepResult:
        """Nothing is to be sent; a pass that died in this step may have sent it and not seen who answered."""
        begun = bool(phases & {"started", "sent"})
        if step.unpins and begun and not phases & {"done", "undecided"}:
            await self._guard_first_use(step, gone=observed.state == "done")
        if observed.state == "undecided":
            return await self._end(step, "undecided", observed.text)
        return await self._end(step, "done" if begun else "not needed", observed.text)

    async def _phases(self, step: Step) -> set[str]:
        return {record.phase for record in await self._use.recorded() if record.step == step.id}

    async def _settled(self, step: Step, *, sent: bool) -> Observed:
        """Where the step stands once nothing is in motion; a state to stop at is an error that quotes it."""
        while (observed := await self._use.connection.observe(step, sent=sent)).state == "wait":
            await self._use.follow(Progress(observed.text))
            await asyncio.sleep(POLL)
        if observed.state == "stop":
            raise PermanentError(
                observed.text,
                where=step.holder,
                hint=f"{step.kind} was {'sent once' if sent else 'not sent'}: look at the target, then run again",
            )
        return observed

    # -- before -----------------------------------------------------------------------------------

    async def _expect(self, step: Step) -> None:
        """The world is still what was approved, or nothing is written."""
        now = await self._use.look()
        for finding in self._plan.unpinned:
            if not await self._was_sent(finding):
                _expect_same(finding, now)
        await self._expect_certificates(now)
        self._looked = datetime.now(UTC)

    async def _was_sent(self, finding: Finding) -> bool:
        return finding.pin.edge in await self._use.deleted()

    async def _expect_certificates(self, now: Snapshot) -> None:
        expected = {edge: fp for step in self._plan.steps for edge, fp in step.expected.items()}
        approved = {f.pin.edge: f for f in self._plan.snapshot.findings}
        for edge, fingerprint in expected.items():
            await self._expect_certificate(approved[edge], fingerprint)
        for finding in now.findings:
            if finding.pin.edge in expected and finding.evidence.grade is Grade.CONTRADICTED:
                await self._use.refuse(contradiction(finding))

    async def _expect_certificate(self, finding: Finding, fingerprint: str) -> None:
        if alarm := await another_certificate(
            finding, fingerprint, self._use.locate(finding.pin), self._use.connection, self._use.say
        ):
            await self._use.refuse(alarm)

    # -- the write --------------------------------------------------------------------------------

    async def _send(self, step: Step) -> None:
        begun = False

        async def immediately_before() -> None:
            nonlocal begun
            self._expect_recent()
            await self._use.may_write(step)
            await self._use.check_lease()
            await self._record(step, "started", "; ".join(step.sends))
            begun = True

        try:
            await self._use.connection.send(step, immediately_before)
        except TemporaryError as exc:
            if not begun:
                raise
            # The answer is lost, the effect may not be: observation decides, never a second send.
            self._use.say(f"{exc}; looking whether it took effect")
        except PermanentError as exc:
            await self._record(step, "failed", str(exc))
            raise
        await self._record(step, "sent", "")

    def _expect_recent(self) -> None:
        """What was seen before this write is no older than the site allows: a form may take long to fill in."""
        limit = self._use.clocks.observation
        if datetime.now(UTC) - self._looked > limit:
            raise TemporaryError(
                f"the look before this write is older than {limit}; nothing was sent",
                where=self._plan.site,
                hint="run again, or raise clocks.observation",
            )

    # -- after ------------------------------------------------------------------------------------

    async def _guard_first_use(self, step: Step, *, gone: bool) -> None:
        """The next connection is pinned blindly: provoke it now, and see who answers there.

        Where the pin was seen to be gone, the edge is verified there and then, whatever becomes of the other steps.
        """
        finding = next(f for f in self._plan.snapshot.findings if f.pin.edge == step.unpins)
        await self._use.connection.provoke(finding.pin)
        for fingerprint in step.expected.values():
            await self._expect_certificate(finding, fingerprint)
        if gone:
            await self._use.verified(finding)

    async def _end(self, step: Step, result: Literal["done", "not needed", "undecided"], detail: str) -> StepResult:
        phase: Phase = "skipped" if result == "not needed" else result
        await self._record(step, phase, detail)
        self._use.say(f"{step.kind} {step.argument} on {step.holder}: {result}" + (f" ({detail})" if detail else ""))
        return StepResult(step=step.id, result=result, detail=detail)

    async def _record(self, step: Step, phase: Phase, detail: str) -> None:
        await self._use.record(step.id, phase, detail)


def _expect_same(approved: Finding, now: Snapshot) -> None:
    """The pin's line is byte for byte the approved one, and its evidence is no worse."""
    found = next((f for f in now.findings if f.pin.edge == approved.pin.edge), None)
    if found is None:
        raise Drifted(f"{approved.pin.edge} is no longer listed", where=now.site, hint=_NEW_PLAN)
    if found.pin.line != approved.pin.line:
        raise Drifted(
            f"{approved.pin.edge} is listed as {found.pin.line!r}, approved was {approved.pin.line!r}",
            where=now.site,
            hint=_NEW_PLAN,
        )
    if found.evidence.grade is not Grade.CONTRADICTED and found.evidence.grade.rank < approved.evidence.grade.rank:
        raise Drifted(
            f"the evidence for {approved.pin.edge} is {found.evidence.grade}, approved was {approved.evidence.grade}",
            where=now.site,
            hint=_NEW_PLAN,
        )


_NEW_PLAN = "nothing was written; a new plan asks for a new decision"
