"""What every target owes the engine, as tests that a target plugin's own tests subclass.

    class TestMyTarget(TargetConformance):
        @pytest.fixture
        async def subject(self, …):
            yield Subject(target, site, services, renew=…)

The rules are those of ``retrust.target``; how a target reads its appliance's texts is its own tests' part.
A subject is one healthy site whose servers really run, so that nothing here is shown against a fake client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from retrust.engine.contracts import differences
from retrust.inventory import Site
from retrust.models import Finding, Grade, Pin, Snapshot, Step, Verdict
from retrust.runs.plan import make_plan
from retrust.ssh import ChannelsForbidden
from retrust.target import Connection, Services, Target
from retrust.trust.baselines import baseline
from retrust.trust.observation import Known, take_snapshot

LIMIT = 30.0


@dataclass
class Subject:
    """A target with a running, healthy site of it. ``renew`` gives one peer a new certificate.

    ``services`` is asked for a writing connection; ``secrets`` are texts that no step may show.
    """

    target: Target[Any]
    site: Site
    services: Services
    renew: Callable[[], Awaitable[object]]
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def connect(self, *, read_only: bool = False) -> Any:
        return self.target.connect(self.site, replace(self.services, read_only=read_only))

    async def look(self, connection: Connection, known: Known | None = None) -> Snapshot:
        return await take_snapshot(self.target, self.site, connection, known or Known(), (), pages=False)

    async def broken(self, connection: Connection) -> tuple[Snapshot, tuple[Step, ...]]:
        """Renewed since the last verification: what is seen then, and the steps that heal it."""
        before = await self.look(connection)
        verified = {
            f.pin.edge: baseline(self.site.name, f, datetime.now(UTC)).model_copy(update={"grade": Grade.PROVEN})
            for f in before.findings
            if f.presented
        }
        await self.renew()
        after = await self.look(connection, Known(verified))
        return after, make_plan(self.target, self.site, after).steps


class TargetConformance:
    """Subclass it, name it ``Test…``, and give it a fixture ``subject``."""

    # -- what it says of itself -------------------------------------------------------------------

    def test_names(self, subject: Subject) -> None:
        """It has a name, stages and holders, none of them twice."""
        assert subject.target.name
        for names in (subject.target.stages, subject.target.holders(subject.site)):
            assert names
            assert len(set(names)) == len(names)
        assert issubclass(type(subject.site), subject.target.site_model)

    @pytest.mark.parametrize(
        "key", ["", "_", ":", "nonsense", "host_", "_22", "a_99999", "[::1]:22", "é_443", "x" * 999]
    )
    def test_locate_is_total(self, subject: Subject, key: str) -> None:
        """Whatever a key holds, it names something or nothing; it never raises."""
        pin = Pin(holder=subject.target.holders(subject.site)[0], key=key, subject="CN=x", line=key)
        place = subject.target.locate(subject.site, pin)
        assert place.kind in ("self", "unknown", "endpoint")
        assert (place.endpoint is not None) == (place.kind == "endpoint")

    async def test_connection_keeps_its_contract(self, subject: Subject) -> None:
        """What the engine asks of a connection has ``Connection``'s names and parameters; a slip would be ignored."""
        async with subject.connect(read_only=True) as connection:
            wrong = list(differences(connection, Connection))
        assert not wrong, f"{type(connection).__name__}: {'; '.join(wrong)}"

    # -- looking ----------------------------------------------------------------------------------

    async def test_listing_is_stable(self, subject: Subject) -> None:
        """Listed twice, the same pins in the same order, each of a holder, with its key in its line."""
        async with subject.connect(read_only=True) as connection:
            pins = await connection.list_pins()
            assert pins == await connection.list_pins()
        assert pins
        assert {pin.holder for pin in pins} <= set(subject.target.holders(subject.site))
        assert len({(pin.holder, pin.line) for pin in pins}) == len(pins)

    async def test_relations(self, subject: Subject) -> None:
        """Every relation that a pin depends on is told of, if only as one that cannot be read."""
        async with subject.connect(read_only=True) as connection:
            snapshot = await subject.look(connection)
        assert {f.relation for f in snapshot.findings if f.relation} <= set(snapshot.relations)

    async def test_tunnel_or_says_so(self, subject: Subject) -> None:
        """A channel opens and closes, or is forbidden in so many words; nothing else."""
        async with subject.connect(read_only=True) as connection:
            finding = next(f for f in (await subject.look(connection)).findings if f.endpoint)
            assert finding.endpoint is not None
            try:
                _, writer = await connection.tunnel(finding.pin.holder, finding.endpoint)
            except ChannelsForbidden:
                return
            writer.close()

    # -- planning ---------------------------------------------------------------------------------

    async def test_healthy_has_no_steps(self, subject: Subject) -> None:
        """A site without a stale pin gets no steps."""
        async with subject.connect(read_only=True) as connection:
            assert subject.target.steps(subject.site, (), await subject.look(connection), frozenset()) == ()

    async def test_steps(self, subject: Subject) -> None:
        """Stale pins get steps: of its stages, in their order, deletes first, saying what they send and expect."""
        async with subject.connect(read_only=True) as connection:
            snapshot, steps = await subject.broken(connection)
        stale = {f.pin.edge: f for f in snapshot.findings if f.verdict is Verdict.STALE}
        deletes = [step for step in steps if step.unpins]
        assert {step.unpins for step in deletes} == set(stale) != set()
        order = [subject.target.stages.index(step.stage) for step in steps]
        assert order == sorted(order)
        assert len({step.id for step in steps}) == len(steps)
        for step in steps:
            self._check_step(subject, step, stale)

    def _check_step(self, subject: Subject, step: Step, stale: dict[str, Finding]) -> None:
        assert step.sends
        assert step.before
        assert step.after
        assert not [secret for secret in subject.secrets if secret in step.model_dump_json()]
        presented = {edge: f.presented.fingerprint for edge, f in stale.items() if f.presented}
        assert step.expected
        assert step.expected.items() <= presented.items()

    async def test_plan_is_deterministic(self, subject: Subject) -> None:
        """Of one snapshot, one digest."""
        async with subject.connect(read_only=True) as connection:
            snapshot, _ = await subject.broken(connection)
        digests = {make_plan(subject.target, subject.site, snapshot).digest for _ in range(3)}
        assert len(digests) == 1

    # -- acting -----------------------------------------------------------------------------------

    async def test_read_only_sends_nothing(self, subject: Subject) -> None:
        """A read-only connection refuses to send, and does not even ask whether it may."""
        asked: list[Step] = []
        async with subject.connect(read_only=True) as connection:
            _, steps = await subject.broken(connection)
            with pytest.raises(Exception):  # noqa: B017, PT011 - whichever of our errors the target takes for it
                await connection.send(steps[0], _asked(asked, steps[0]))
            assert (await connection.observe(steps[0], sent=False)).state == "needed"
        assert asked == []

    async def test_may_not_sends_nothing(self, subject: Subject) -> None:
        """Where ``before_send`` raises, nothing was sent: the step is still needed."""

        async def forbidden() -> None:
            raise _Forbidden

        async with subject.connect() as connection:
            _, steps = await subject.broken(connection)
            with pytest.raises(_Forbidden):
                await connection.send(steps[0], forbidden)
            assert (await connection.observe(steps[0], sent=False)).state == "needed"

    async def test_delete(self, subject: Subject) -> None:
        """A delete is needed, asks once before it is sent, and is done or undecided then; no other pin changed."""
        asked: list[Step] = []
        async with subject.connect() as connection:
            snapshot, steps = await subject.broken(connection)
            step = steps[0]
            assert (await connection.observe(step, sent=False)).state == "needed"
            await connection.send(step, _asked(asked, step))
            assert (await connection.observe(step, sent=True)).state in ("done", "undecided")
            left = {pin.edge for pin in await connection.list_pins()}
        assert asked == [step]
        assert {f.pin.edge for f in snapshot.findings} - left <= {step.unpins}

    async def test_settles_in_time(self, subject: Subject) -> None:
        """Waiting for what heals by itself has an end."""
        async with subject.connect(read_only=True) as connection, asyncio.timeout(LIMIT):
            await connection.settle()


class _Forbidden(Exception):
    pass


def _asked(asked: list[Step], step: Step) -> Callable[[], Awaitable[None]]:
    async def before_send() -> None:
        asked.append(step)

    return before_send
