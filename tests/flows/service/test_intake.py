"""Whose turn it is in a transaction of the ledger, and when repeats are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from retrust.ledger import Ledger, LedgerError
from retrust.models import Sighting
from retrust.testing.ledgers import SITE, noticed, sighting
from retrust_flows.service.intake import HINTS, TURN, Intake

FILE = ("file", "a key")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with await Ledger.open(None, tmp_path) as ledger:
        yield ledger


async def sighted(ledger: Ledger) -> int:
    return len(await ledger.entries(kinds=("sighted",)))


async def counts(ledger: Ledger) -> list[int]:
    return sorted(s.count for s in await ledger.sightings(SITE))


async def test_every_source_has_its_turn(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood is kept in parts, and whoever comes later is kept with the next part, not behind the flood."""
    turns: list[Sequence[Sighting]] = []
    first, keep = asyncio.Event(), ledger.sight_many

    async def kept(sightings: Any, **more: Any) -> None:
        turns.append(list(sightings))
        first.set()
        await keep(sightings, **more)

    monkeypatch.setattr(ledger, "sight_many", kept)
    intake = Intake(ledger)
    flood = [[sighting(dn=f"CN={m}-{n}") for n in range(TURN // 5)] for m in range(20)]
    flooding = [asyncio.create_task(intake.deliver("syslog", part)) for part in flood]
    await first.wait()
    await asyncio.gather(*flooding, intake.deliver("webhook", [sighting(dn="CN=webhook")]))
    assert [len(turn) for turn in turns] == [TURN, TURN + 1, TURN, TURN]


async def test_hints_have_a_budget(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A patient source waits as long as its hints take of the budget, after they are kept; nobody else waits."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("retrust_flows.service.intake.asyncio.sleep", sleep)
    intake, hints = Intake(ledger), [sighting(dn=f"CN={n}", level="hint") for n in range(HINTS // 2)]
    await intake.deliver("syslog", [*hints, sighting()], patient=True)
    await intake.deliver("webhook", hints)
    await intake.deliver("file", [sighting(dn=f"CN={n}") for n in range(HINTS)], patient=True)
    assert [pause for pause in pauses if pause] == [0.5]


async def test_repeats_are_one_entry_when_the_service_stops(ledger: Ledger) -> None:
    """A patient source's repeats are counted here; none is lost at a clean stop, and memory is two for each name."""
    intake = Intake(ledger)
    for n in range(500):
        await intake.deliver("file", [sighting(n)], {FILE: str(n)}, patient=True)
    assert (await sighted(ledger), await counts(ledger)) == (1, [1])
    assert len(intake._lines["file"].repeats.take()) == 2
    for n in range(1, 500):
        await intake.deliver("file", [sighting(n)], {FILE: str(n)}, patient=True)
    await intake.close()
    assert (await sighted(ledger), await counts(ledger)) == (2, [500])
    assert await ledger.position(*FILE) == "499"
    [seen] = await ledger.sightings(SITE)
    assert (seen.first_at, seen.at) == (sighting(0).at, sighting(499).at)


async def test_repeats_are_kept_after_a_while(ledger: Ledger) -> None:
    """Also where nothing else comes."""
    intake = Intake(ledger, repeats=0.01)
    for n in range(3):
        await intake.deliver("file", [sighting(n)], patient=True)
    async with asyncio.timeout(10):
        while await counts(ledger) != [3]:  # noqa: ASYNC110 - the timer tells nobody
            await asyncio.sleep(0.01)
    await intake.close()


async def test_whoever_waits_for_an_answer_is_kept_at_once(ledger: Ledger) -> None:
    """A webhook says 2xx only of what is in the ledger, repeat or not; what was held of that source goes with it."""
    intake = Intake(ledger)
    for patient in (False, True, False):
        await intake.deliver("webhook", [sighting()], patient=patient)
    assert (await sighted(ledger), await counts(ledger)) == (2, [3])


@pytest.mark.parametrize("site", [SITE, "elsewhere"])
async def test_what_happens_at_a_site_makes_a_repeat_news(ledger: Ledger, site: str) -> None:
    """A case that is opened makes what is said again worth an entry at once; not so elsewhere, or for a notice."""
    intake = Intake(ledger)
    await intake.deliver("file", [sighting()], patient=True)
    intake.take(await ledger.append(noticed(), actor="service", site=SITE))
    await ledger.open_case(site, cause="x", actor="service")
    [opened] = await ledger.entries(kinds=["case-opened"])
    intake.take(opened)
    await intake.deliver("file", [sighting()], patient=True)
    assert sum(await counts(ledger)) == (2 if site == SITE else 1)


async def test_what_could_not_be_kept_comes_in_again_with_its_position(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that starts again after an error goes on where the ledger is: held repeats are not counted twice."""
    intake, keep = Intake(ledger), ledger.sight_many
    await intake.deliver("file", [sighting(1)], {FILE: "1"}, patient=True)
    await intake.deliver("file", [sighting(2)], {FILE: "2"}, patient=True)

    async def refuse(sightings: Any, **_: Any) -> None:
        raise LedgerError("the disk is full", where="ledger.db")

    monkeypatch.setattr(ledger, "sight_many", refuse)
    with pytest.raises(LedgerError):
        await intake.deliver("file", [sighting(3, dn="CN=other")], {FILE: "3"}, patient=True)
    monkeypatch.setattr(ledger, "sight_many", keep)
    assert await intake.position("file", *FILE) == "1"
    await intake.deliver("file", [sighting(2), sighting(3, dn="CN=other")], {FILE: "3"}, patient=True)
    await intake.close()
    assert (await counts(ledger), await ledger.position(*FILE)) == ([1, 2], "3")
