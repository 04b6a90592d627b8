from __future__ import annotations

from datetime import timedelta

import pytest

from retrust.errors import UsageError
from retrust.ledger import Ledger, NotCurrent
from retrust.ledger.errors import Stopped
from retrust.ledger.leases import Lease
from retrust.states import State
from retrust.testing.ledgers import SITE, SetClock, plan

EDGE = "primary:10.0.0.12_8082"


async def executing(ledger: Ledger, digest: str = "d1") -> str:
    case = (await ledger.open_case(SITE, cause="x", actor="service")).id
    await ledger.record_plan(case, plan(digest), actor="service")
    await ledger.move(case, "approve", actor="service")
    await ledger.use_digest(case, digest, actor="service")
    await ledger.move(case, "execute", actor="service")
    return case


async def send(ledger: Ledger, case: str, lease: Lease, *phases: str, digest: str = "d1") -> None:
    for phase in phases:
        await ledger.record_step(case, digest, "delete-1", phase, f"it {phase}", lease=lease, actor="service")


async def test_a_restart_knows_what_was_sent(ledger: Ledger) -> None:
    """Each step's phases come back in order, with what the plan said of the step."""
    case = await executing(ledger)
    async with ledger.lease(SITE, owner="service", what="run", run="run-1") as lease:
        await send(ledger, case, lease, "started", "sent")
    told = await ledger.steps(case, "d1")
    assert [(s.step, s.kind, s.holder, s.argument, s.phase, s.run) for s in told] == [
        ("delete-1", "delete-pin", "primary", "10.0.0.12_8082", phase, "run-1") for phase in ("started", "sent")
    ]
    assert await ledger.steps(case, "d2") == []


async def test_how_long_steps_took(ledger: Ledger, clock: SetClock) -> None:
    """The times of steps that were done, by site and argument; one that was not done has none."""
    case = await executing(ledger)
    async with ledger.lease(SITE, owner="service", what="run", run="run-1", ttl=300) as lease:
        await send(ledger, case, lease, "started", "sent")
        assert await ledger.times_taken(["delete-pin"]) == []
        clock.now += timedelta(minutes=4)
        await send(ledger, case, lease, "done")
    [took] = await ledger.times_taken(["delete-pin", "register-ha"])
    assert (took.site, took.argument, took.done_at - took.begun_at) == (SITE, "10.0.0.12_8082", timedelta(minutes=4))
    assert await ledger.times_taken(["register-ha"]) == []


@pytest.mark.parametrize(
    ("phases", "deleted"),
    [
        ((), set()),
        (("started",), {EDGE}),
        (("started", "sent"), {EDGE}),
        (("started", "sent", "done"), {EDGE}),
        (("started", "sent", "undecided"), {EDGE}),
        (("skipped",), set()),
        (("started", "failed"), {EDGE}),
    ],
)
async def test_deleted_edges(ledger: Ledger, phases: tuple[str, ...], deleted: set[str]) -> None:
    """A pin counts as deleted from the moment its delete was about to be sent: a run may die in between."""
    case = await executing(ledger)
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        await send(ledger, case, lease, *phases)
    assert await ledger.deleted_edges(case) == deleted


async def test_no_step_starts_on_an_unused_digest(ledger: Ledger) -> None:
    """What is sent belongs to a digest that this case used."""
    case = (await ledger.open_case(SITE, cause="x", actor="service")).id
    await ledger.record_plan(case, plan(), actor="service")
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        for phase in ("started", "sent"):
            with pytest.raises(NotCurrent):
                await send(ledger, case, lease, phase)
    assert await ledger.steps(case) == []


async def test_no_step_starts_once_the_case_was_ended(ledger: Ledger) -> None:
    """Whoever cancels stops the next write; what was sent before is still recorded."""
    case = await executing(ledger)
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        await send(ledger, case, lease, "started")
        await ledger.move(case, "cancel", actor="person:carol")
        await send(ledger, case, lease, "sent")
        with pytest.raises(Stopped, match="the case is cancelled: nothing more is sent"):
            await send(ledger, case, lease, "started")


async def test_a_step_is_one_of_the_plan(ledger: Ledger) -> None:
    """Nothing is recorded of a step that nobody approved."""
    case = await executing(ledger)
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        with pytest.raises(UsageError, match="the plan d1 has no step delete-9"):
            await ledger.record_step(case, "d1", "delete-9", "started", lease=lease, actor="service")


async def test_recurrence_is_counted(ledger: Ledger, clock: SetClock) -> None:
    """How often an edge was healed lately: cases that deleted its pin and ended healed, in the days asked."""
    for number in range(3):
        case = await executing(ledger, f"d{number}")
        async with ledger.lease(SITE, owner="service", what="run") as lease:
            await send(ledger, case, lease, "started", "sent", "done", digest=f"d{number}")
        await ledger.move(case, "verify", actor="service")
        healed = await ledger.move(case, State.HEALED if number else State.FAILED, actor="service")
        assert healed.state is (State.HEALED if number else State.FAILED)
        if not number:
            await ledger.move(case, "cancel", actor="person:alice")
        clock.forward(days=1)
    assert await ledger.healed_count(SITE, EDGE, days=30) == 2
    assert await ledger.healed_count(SITE, EDGE, days=1.5) == 1
    assert await ledger.healed_count(SITE, "primary:other", days=30) == 0
    assert await ledger.healed_count("elsewhere", EDGE, days=30) == 0


async def test_a_drift_in_the_middle_asks_for_a_new_plan(ledger: Ledger) -> None:
    """From executing, another plan makes the case planned again, under the new digest."""
    case = await executing(ledger)
    again = await ledger.record_plan(case, plan("d2"), actor="service")
    assert (again.state, again.digest) == (State.PLANNED, "d2")
