"""Approval binds content; each send is judged by observation; one run at a time; both sides or neither."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kit.campus import ALICE, one_pass, quick_lab
from retrust.approval.decisions import Attendance
from retrust.errors import LeaseHeld, PermanentError, PersonNeeded, Refused, TemporaryError
from retrust.runs.steps import Drifted


def repin(node, key, **changes):
    """The node's pin as it would be listed after somebody else's work; without changes it goes."""
    pin = node.tofu.pins.pop(key)
    if changes:
        node.tofu.pins[key] = type(pin)(**{**vars(pin), **changes})


# What was approved -------------------------------------------------------------------------------


async def test_changed_line_between_passes(site):
    """One byte of a planned line changed after approval: the yes opens nothing, a new digest asks again."""
    await site.break_trust("secondary")
    first = await site.run()
    site.lab.primary.settings.store.trailing = " "
    second = await site.run()
    assert second.outcome == "waiting"
    assert first.plan.digest != second.plan.digest
    assert await site.ledger.decisions(second.case.id, second.plan.digest) == []
    assert site.writes == 0


async def test_changed_line_within_a_pass(site):
    """One byte of a planned line changed between gates and delete: zero writes, and the case waits for a new plan."""
    await site.break_trust("secondary")

    def change(part):
        if part == "delete":
            site.lab.primary.settings.store.trailing = " "

    with pytest.raises(Drifted, match="is listed as") as drifted:
        await site.heal(before=change)
    assert drifted.value.exit_code == 3
    assert site.writes == 0
    case = await site.ledger.open_case_of("campus")
    assert case.state == "planned"
    again = await site.run()
    assert again.outcome == "waiting"
    assert again.plan.digest != case.digest


async def test_untouched_pins_come_and_go(site):
    """A pin that the plan does not touch may go between approval and delete; the plan is carried out."""
    await site.break_trust("secondary")
    own = next(key for key in site.lab.secondary.tofu.pins if key != site.lab.primary.key)

    def change(part):
        if part == "delete":
            repin(site.lab.secondary, own)

    assert (await site.heal(before=change)).outcome == "healed"


async def test_digest_ignores_untouched_pins(site):
    """The digest is the same with and without a pin that the plan does not touch."""
    await site.break_trust("secondary")
    first = await site.run()
    own = next(key for key in site.lab.secondary.tofu.pins if key != site.lab.primary.key)
    repin(site.lab.secondary, own)
    assert (await site.run()).plan.digest == first.plan.digest


async def test_worse_evidence(site):
    """A grade that became worse between gates and delete stops the run before any write."""
    await site.break_trust("secondary")

    def hide(part):
        if part == "delete":
            site.lab.secondary.settings.session.channels = False

    with pytest.raises(Drifted, match="the evidence for"):
        await site.heal(before=hide)
    assert site.writes == 0


# One run at a time -------------------------------------------------------------------------------


async def test_twice_at_once(site):
    """Of two runs on one site one works; the other ends with exit 1 and says who holds it, since when."""
    await site.break_trust("secondary")
    at_work, go_on = asyncio.Event(), asyncio.Event()

    async def hold(node, key):
        at_work.set()
        await go_on.wait()

    site.lab.on("delete", hold)
    first = asyncio.create_task(site.heal())
    await asyncio.wait_for(at_work.wait(), 20)
    with pytest.raises(LeaseHeld, match=r"works on this site since \d{4}-\d\d-\d\d .*a run by person:alice") as held:
        await one_pass(site.engine, site.ledger, site.site, actor="person:bob")
    assert held.value.exit_code == 1
    go_on.set()
    assert (await first).outcome == "healed"
    assert site.deletes()["primary"] == 1


# What was sent -----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["drop-after", "answer-lost"])
async def test_lost_answer(start, way):
    """A delete whose answer is lost after it took effect is observed, and not sent again."""
    site = await start(change=lambda it: it["timeouts"].update(command=1))
    await site.settle_in()
    await site.break_trust("secondary")
    site.lab.primary.settings.store.deletecert = way
    assert (await site.heal()).outcome == "healed"
    assert site.deletes() == {"primary": 1, "secondary": 0}


@pytest.mark.parametrize("way", ["chatty", "silent", "confirm"])
async def test_every_wording(site, way):
    """However a delete answers, or asks first, it is sent once and judged by the list."""
    await site.break_trust("secondary")
    site.lab.primary.settings.store.deletecert = way
    assert (await site.heal()).outcome == "healed"
    assert site.deletes() == {"primary": 1, "secondary": 0}


@pytest.mark.parametrize("way", ["no-effect", "fail"])
async def test_delete_without_effect(start, way):
    """A delete without effect is sent once and ends in one error with exit 1 that names the pin."""
    site = await start(change=lambda it: it["timeouts"].update(operator=1))
    await site.settle_in()
    await site.break_trust("secondary")
    site.lab.primary.settings.store.deletecert = way
    with pytest.raises(PermanentError, match="still listed after being sent") as failed:
        await site.heal()
    assert failed.value.exit_code == 1
    assert site.edge("primary") in str(failed.value)
    assert site.deletes()["primary"] == 1


async def test_heals_by_itself(start):
    """Where HA recovers once the nodes trust each other again, it is not registered: least destructive first."""
    settings = quick_lab()
    settings.ha.loss_mode = "Primary Lost Secondary"
    site = await start(settings)
    await site.settle_in()
    await site.break_trust("secondary")
    ended = await site.heal()
    assert (ended.outcome, ended.said[1]) == ("healed", "not needed")
    assert site.lab.primary.ha.registrations == 0


# Both sides or neither ---------------------------------------------------------------------------


@pytest.mark.parametrize("down", ["primary", "secondary"])
async def test_one_side_down(site, down):
    """A node that cannot be reached stops everything before any write, and is named; exit 1."""
    await site.break_trust("secondary")
    await site.lab.node(down).ssh.close()
    with pytest.raises(TemporaryError, match=down) as failed:
        await site.heal()
    assert failed.value.exit_code == 1
    assert site.writes == 0


async def test_silent_endpoint(site):
    """An endpoint that accepts and says nothing stops the run before any write, and is named."""
    await site.break_trust("secondary")
    site.lab.secondary.health.failure = "refuse"
    with pytest.raises(TemporaryError, match=str(site.lab.secondary.health_port)):
        await site.heal()
    assert site.writes == 0


# Recurrence --------------------------------------------------------------------------------------


async def test_recurrence_asks_a_person(start):
    """An edge that healed more than N times in M days stops automation: --yes does not open it, an answer does."""
    site = await start(change=lambda it: it.update(recurrence={"healed": 1, "days": 30}))
    await site.settle_in()
    for _ in range(2):
        await site.break_trust("secondary")
        assert (await site.heal()).outcome == "healed"
    await site.break_trust("secondary")
    ended = await site.heal(accept_unproven=True)
    assert ended.outcome == "waiting"
    assert {g.gate: g.state for g in ended.gates} == {"confirm": "open", "recurrence": "shut"}
    assert site.deletes()["primary"] == 2


# Contradicted ------------------------------------------------------------------------------------


async def test_contradicted_passes_no_gate(site):
    """A plan that was approved while its evidence was good is refused once it is contradicted, by the next pass too."""
    await site.break_trust("secondary")
    ended = await site.run()
    assert ended.outcome == "waiting"
    site.lab.intercept(("primary", "secondary"))
    for attendance in (None, Attendance(ALICE, yes=True, accept_unproven=True)):
        with pytest.raises(Refused):
            await site.run(attendance=attendance)
    assert site.writes == 0


# The window has time for the whole plan -----------------------------------------------------------


class Clock(datetime):
    """The gates' clock, which a test sets forward."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + cls.ahead


@pytest.fixture
def gates_clock(monkeypatch):
    monkeypatch.setattr("retrust.approval.decisions.datetime", Clock)
    monkeypatch.setattr(Clock, "ahead", timedelta())


def in_a_window(site, duration="2h"):
    start = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    window = {"gate": "window", "timezone": "UTC", "calendar": {"start": str(start), "duration": duration}}
    site.reload(
        lambda s: s.update(
            policy={"delete-pin": [{"gate": "confirm"}], "interrupting": [{"gate": "confirm"}, window]},
            timeouts=s.get("timeouts", {}) | {"registration": "1h"},
        )
    )


@pytest.mark.usefixtures("gates_clock")
async def test_a_window_too_short_for_the_plan_waits(site):
    """The registration alone may take an hour: half an hour of the window opens nothing, and nothing is written."""
    await site.break_trust("secondary")
    in_a_window(site, "30m")
    ended = await site.run()
    shut = next(g for g in ended.gates if g.gate == "window")
    assert (ended.outcome, shut.state, site.writes) == ("waiting", "shut", 0)
    assert "for the whole plan" in shut.needs


@pytest.mark.usefixtures("gates_clock")
@pytest.mark.parametrize("part", ["delete", "re-register-ha"])
async def test_a_window_gets_short_during_the_run(site, part):
    """Before the first write it stops the run; a plan that was begun is not left half done."""
    await site.break_trust("secondary")
    in_a_window(site)

    def later(begun):
        if begun == part:
            Clock.ahead = timedelta(minutes=90)

    if part == "delete":
        with pytest.raises(PersonNeeded, match=r"for the whole plan.*Sent: nothing"):
            await site.heal(before=later)
        assert site.writes == 0
    else:
        assert (await site.heal(before=later)).outcome == "healed"
