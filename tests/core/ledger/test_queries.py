"""What ``check`` reads: the same rules whichever way the rows came."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from retrust.ledger import Case, Ledger, read_only
from retrust.ledger.queries import made
from retrust.models import Unpinned
from retrust.states import State
from retrust.testing.ledgers import NOON, SITE, SetClock, fingerprint, plan, sighting, snapshot

EDGE = "primary:10.0.0.12_8082"


async def sent(ledger: Ledger, *phases: str) -> str:
    """A case that works on its plan, whose delete is so far."""
    case = (await ledger.open_case(SITE, cause="x", actor="service")).id
    await ledger.record_plan(case, plan(), actor="service")
    await ledger.move(case, "approve", actor="service")
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        await ledger.use_digest(case, "d1", actor="service", lease=lease)
        await ledger.move(case, "execute", actor="service", lease=lease)
        for phase in phases:
            await ledger.record_step(case, "d1", "delete-1", phase, lease=lease, actor="service")
    return case


async def test_a_delete_that_was_sent_unpins_its_edge(url: str, tmp_path: Path, clock: SetClock) -> None:
    """With the time of sending and the certificate that the plan expects there; of this site alone."""
    async with await Ledger.open(url, tmp_path, clock=clock) as ledger:
        await sent(ledger, "started", "sent")
        clock.forward(hours=1)
        found = await ledger.unpinned(SITE)
        assert found == {EDGE: Unpinned(at=NOON, fingerprint=fingerprint("new"))}
        assert await ledger.unpinned("elsewhere") == {}
        async with read_only(url, tmp_path) as seen:
            assert await seen.unpinned(SITE) == found


async def test_a_delete_that_only_began_unpins_nothing(ledger: Ledger) -> None:
    """Nobody knows yet whether it went out."""
    await sent(ledger, "started")
    assert await ledger.unpinned(SITE) == {}


@pytest.mark.parametrize("end", [State.CANCELLED, State.HEALED])
async def test_a_case_that_is_over_unpins_nothing(ledger: Ledger, end: State) -> None:
    """What it deleted is past, however it ended; a failed case goes on."""
    case = await sent(ledger, "started", "sent", "done")
    await ledger.move(case, State.FAILED, actor="service")
    assert set(await ledger.unpinned(SITE)) == {EDGE}
    await ledger.move(case, end, actor="service")
    assert await ledger.unpinned(SITE) == {}


async def test_what_a_healed_case_was_about_is_past(ledger: Ledger) -> None:
    """Its sightings are seen no more; those of a case that ended otherwise are."""
    for end, left in ((State.CANCELLED, 1), (State.HEALED, 0)):
        await ledger.sight(sighting(dn=f"CN={end}"))
        case = await ledger.open_case(SITE, cause="x", actor="service")
        assert f"CN={end}" in {s.dn for s in await ledger.sightings(SITE)}
        await ledger.move(case.id, end, actor="person:ann")
        assert [s.dn for s in await ledger.sightings(SITE)].count(f"CN={end}") == left


async def test_a_sighting_of_an_unknown_time_is_never_too_old(ledger: Ledger) -> None:
    """Whoever asks for what was seen lately gets it, too."""
    await ledger.sight_many([sighting(dn="CN=when", at=None), sighting(dn="CN=early")])
    assert [s.dn for s in await ledger.sightings(SITE, since=NOON + timedelta(days=1))] == ["CN=when"]


async def test_the_last_look_is_the_newest_one(ledger: Ledger) -> None:
    """Of this site, as it was."""
    assert await ledger.last_look(SITE) is None
    for key in ("a_1", "b_2"):
        await ledger.record_look(snapshot(key), actor="service")
    assert await ledger.last_look(SITE) == snapshot("b_2")
    assert await ledger.last_look("elsewhere") is None


def test_a_row_is_a_model_by_its_columns_names() -> None:
    """``case_id`` is the field ``case``; what a row lacks keeps its default; further columns are left."""
    row = {"seq": 1, "id": "c1", "site": SITE, "state": "open", "cause": "x", "requested_by": "service"}
    case = made(Case, row | {"opened_at": NOON, "updated_at": NOON}, planners=("ann",))
    assert (case.id, case.planners, case.note) == ("c1", ("ann",), "")
