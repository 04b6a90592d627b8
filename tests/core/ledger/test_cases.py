from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from retrust.errors import UsageError
from retrust.ledger import CASE_ID, DecisionRefused, DigestUsed, Ledger, NoSuchCase, NotCurrent
from retrust.states import IllegalMove, State
from retrust.testing.ledgers import SITE, SetClock, decision, plan, sighting, snapshot

ALICE, BOB = "person:alice", "person:bob"


async def opened(ledger: Ledger) -> str:
    return (await ledger.open_case(SITE, cause="a log line", actor=ALICE)).id


async def planned(ledger: Ledger, digest: str = "d1") -> str:
    case = await opened(ledger)
    await ledger.record_plan(case, plan(digest), actor="service")
    return case


async def test_a_case_opens_once(ledger: Ledger) -> None:
    """A site has at most one open case; opening again gives the same, with its first requester."""
    first = await ledger.open_case(SITE, cause="a log line", actor=ALICE)
    again = await ledger.open_case(SITE, cause="another", actor=BOB)
    assert again == first
    assert (first.state, first.requested_by, first.cause) == (State.OPEN, ALICE, "a log line")


async def test_many_that_open_at_once_get_one_case(ledger: Ledger) -> None:
    """A storm of events opens one case."""
    cases = await asyncio.gather(*(ledger.open_case(SITE, cause=str(n), actor="service") for n in range(20)))
    assert len({case.id for case in cases}) == 1
    assert len(await ledger.cases()) == 1


async def test_a_failed_case_stays_the_open_one(ledger: Ledger) -> None:
    """A later pass takes a failed case up again."""
    case = await opened(ledger)
    await ledger.move(case, "fail", actor="service")
    assert (await ledger.open_case(SITE, cause="x", actor="service")).id == case
    assert (await ledger.record_plan(case, plan(), actor="service")).state is State.PLANNED


async def test_after_the_end_a_new_case(ledger: Ledger) -> None:
    """A case that is over stays over; the site's next trouble is another case."""
    case = await opened(ledger)
    ended = await ledger.move(case, State.CANCELLED, actor=ALICE, note="a mistake")
    assert (ended.is_open, ended.note) == (False, "a mistake")
    assert (await opened(ledger)) != case
    with pytest.raises(IllegalMove, match="cancelled cannot plan"):
        await ledger.move(case, "plan", actor="service")


async def test_cases_are_numbered_by_site(ledger: Ledger) -> None:
    """A case is called by its site and a number; a name that no address takes gives way, and no two are alike."""
    names = []
    for site in ("campus", "hq 2", "hq-2", "campus", "hq 2", "../x"):
        case = await ledger.open_case(site, cause="x", actor=ALICE)
        names.append(case.id)
        await ledger.move(case.id, State.CANCELLED, actor=ALICE)
    assert names == ["campus-1", "hq-2-1", "hq-2-2", "campus-2", "hq-2-3", "x-1"]
    assert all(re.fullmatch(CASE_ID, name) for name in [*names, "c7"])


@pytest.mark.parametrize("typed", ["1", "Campus-1", "campus1", "cmapus-1"])
async def test_what_nearly_names_a_case_is_said(ledger: Ledger, typed: str) -> None:
    """The number alone, other capitals or a slip: the case that was meant is named."""
    await ledger.open_case("campus", cause="x", actor=ALICE)
    with pytest.raises(NoSuchCase) as refused:
        await ledger.case(typed)
    assert str(refused.value.hint).endswith("did you mean campus-1?")


async def test_no_such_case(ledger: Ledger) -> None:
    """An unknown case is a wrong call, whatever is asked of it."""
    for asked in (
        ledger.case("c99"),
        ledger.move("c99", "plan", actor="x"),
        ledger.decide(decision("c99")),
        ledger.record_plan("c99", plan(), actor="x"),
    ):
        with pytest.raises(NoSuchCase, match="no case c99"):
            await asked


async def test_cases_are_listed_page_by_page(ledger: Ledger) -> None:
    """The newest first, by site and state, each page following the one before."""
    ids = [(await ledger.open_case(f"site-{n}", cause="x", actor="service")).id for n in range(5)]
    await ledger.move(ids[1], "cancel", actor=ALICE)
    first = await ledger.cases(limit=2)
    second = await ledger.cases(limit=2, before=first[-1].id)
    assert [case.id for case in [*first, *second]] == ids[:0:-1]
    assert [case.id for case in await ledger.cases(states=[State.CANCELLED])] == [ids[1]]
    assert [case.id for case in await ledger.cases(site="site-3")] == [ids[3]]


async def test_a_decision_is_for_the_current_digest(ledger: Ledger) -> None:
    """A replayed decision on an old plan opens nothing."""
    case = await planned(ledger, "d1")
    await ledger.record_plan(case, plan("d2"), actor="service")
    with pytest.raises(NotCurrent, match="d1 is not of the case's current plan \\(d2\\)"):
        await ledger.decide(decision(case, "d1"))
    await ledger.decide(decision(case, "d2"))
    assert [made.digest for made in await ledger.decisions(case)] == ["d2"]


async def test_a_person_decides_once_at_a_gate(ledger: Ledger) -> None:
    """Neither a second yes nor a no after it; another person, or another gate, is another decision."""
    case = await planned(ledger)
    await ledger.decide(decision(case))
    for yes in (True, False):
        with pytest.raises(DecisionRefused) as refused:
            await ledger.decide(decision(case, yes=yes))
        assert refused.value.why == "twice"
    await ledger.decide(decision(case, actor="person:carol"))
    await ledger.decide(decision(case, gate="security"))
    assert [made.actor for made in await ledger.decisions(case, "d1")] == [BOB, "person:carol", BOB]


async def test_no_decision_when_it_is_too_late(ledger: Ledger) -> None:
    """Not on a used digest, and not on a case that is over."""
    case = await planned(ledger)
    await ledger.use_digest(case, "d1", actor="service")
    with pytest.raises(DecisionRefused) as refused:
        await ledger.decide(decision(case))
    assert refused.value.why == "used"
    await ledger.move(case, "cancel", actor=ALICE)
    with pytest.raises(DecisionRefused) as refused:
        await ledger.decide(decision(case))
    assert refused.value.why == "final"


async def test_a_digest_is_used_once(ledger: Ledger) -> None:
    """Neither its own case nor another one with the same plan uses it again; who used it can be asked."""
    case = await planned(ledger)
    assert await ledger.digest_use("d1") is None
    await ledger.use_digest(case, "d1", actor="service")
    with pytest.raises(DigestUsed):
        await ledger.use_digest(case, "d1", actor="service")
    await ledger.move(case, "cancel", actor=ALICE)
    other = await planned(ledger, "d1")
    with pytest.raises(DigestUsed) as used:
        await ledger.use_digest(other, "d1", actor="service")
    assert used.value.case == case
    use = await ledger.digest_use("d1")
    assert use is not None
    assert use.case == case


async def test_only_the_current_digest_is_used(ledger: Ledger) -> None:
    """An approval of yesterday's plan sends nothing."""
    case = await planned(ledger, "d1")
    await ledger.record_plan(case, plan("d2"), actor="service")
    with pytest.raises(NotCurrent):
        await ledger.use_digest(case, "d1", actor="service")


async def test_the_same_plan_again_keeps_its_decisions(ledger: Ledger) -> None:
    """A pass that finds the same digest while it waits changes nothing; another digest does."""
    case = await planned(ledger)
    await ledger.move(case, "wait", actor="service")
    head = await ledger.head()
    assert (await ledger.record_plan(case, plan("d1"), actor="service")).state is State.WAITING
    assert await ledger.head() == head
    assert (await ledger.record_plan(case, plan("d2"), actor="service")).state is State.PLANNED


async def test_every_planner_is_known(ledger: Ledger) -> None:
    """A person's plan stays that person's, however often the service writes it again."""
    case = await opened(ledger)
    await ledger.record_plan(case, plan("d1"), actor=ALICE)
    await ledger.record_plan(case, plan("d2"), actor="service")
    back = await ledger.record_plan(case, plan("d1"), actor="service")
    assert back.planners == (ALICE, "service")
    await ledger.move(case, "wait", actor="service")
    joined = await ledger.record_plan(case, plan("d1"), actor=BOB)
    assert (joined.planners, joined.state) == ((ALICE, "service", BOB), State.WAITING)


async def test_plans_and_snapshots_come_back_as_they_were(ledger: Ledger) -> None:
    """What was recorded is what is read."""
    case = await planned(ledger)
    entry = await ledger.record_snapshot(case, snapshot(), when="before", actor="service")
    assert await ledger.plan("d1") == plan("d1")
    assert await ledger.plan("d1", case="c99") is None
    assert [(s.seq, s.when) for s in await ledger.snapshots(case)] == [(entry.seq, "before")]
    assert await ledger.snapshot(entry.seq) == snapshot()


async def test_the_state_moves_with_its_entry(ledger: Ledger, clock: SetClock) -> None:
    """The case's row and the story agree on state, actor, run and time."""
    case = await planned(ledger)
    clock.forward(minutes=5)
    moved = await ledger.move(case, "wait", actor="service", run="run-1", note="people: 1 of 2", why="x", retry=False)
    entry = (await ledger.entries(case=case))[-1]
    assert (moved.state, moved.note, moved.updated_at) == (State.WAITING, "people: 1 of 2", clock.now)
    assert (entry.kind, entry.run, entry.at, entry.site) == ("case-moved", "run-1", clock.now, SITE)
    assert entry.stored == {
        "event": "wait",
        "was": "planned",
        "state": "waiting",
        "note": "people: 1 of 2",
        "why": "x",
        "retry": False,
    }


async def test_alarms(ledger: Ledger) -> None:
    """An alarm is kept with its site and case."""
    case = await opened(ledger)
    await ledger.alarm("contradicted", "the holder sees another", actor="service", site=SITE, case=case)
    await ledger.alarm("clock", "jumped", actor="service")
    assert [alarm.what for alarm in await ledger.alarms()] == ["clock", "contradicted"]
    assert [alarm.detail for alarm in await ledger.alarms(site=SITE)] == ["the holder sees another"]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a//b", "a\\b", "", "c:x", "a\nb"])
async def test_an_attachment_has_a_plain_name(name: str, tmp_path: Path) -> None:
    """A name that would leave the folder where a pack is unpacked is refused."""
    (tmp_path / "file").write_text("x")
    async with await Ledger.open(None, tmp_path) as ledger:
        with pytest.raises(UsageError, match="no plain relative name"):
            await ledger.attach(await opened(ledger), name, tmp_path / "file", actor="service")


async def test_sightings_belong_to_the_case(ledger: Ledger) -> None:
    """A case takes up what was seen before it, and what is seen while it is open; a later one does not."""
    await ledger.sight(sighting(1))
    case = await opened(ledger)
    await ledger.sight(sighting(2))
    [seen] = await ledger.sightings_of(case)
    assert (seen.count, seen.case) == (2, case)
    await ledger.move(case, "heal", actor="service")
    await ledger.sight(sighting(3))
    assert [(s.count, s.case) for s in await ledger.sightings(SITE)] == [(1, None)]
    assert [s.count for s in await ledger.sightings_of(await opened(ledger))] == [1]
