"""Sources are kept running: what one does to itself is no other's trouble; and what they deliver is kept."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kit.campus import Campus
from retrust.errors import InventoryError
from retrust.ledger import Ledger, LedgerError
from retrust.sources import EventSource
from retrust.testing.ledgers import NOON, sighting
from retrust_flows.service.intake import Intake
from retrust_flows.service.supervision import Supplied, health, keep_running


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with await Ledger.open(None, tmp_path) as ledger:
        yield ledger


class Moody(EventSource[Any]):
    """Raises at its first starts, delivers at the next one, and then goes on."""

    name = "moody"

    def __init__(self, raises: int) -> None:
        self.raises, self.starts = raises, 0

    async def run(self, settings: Any, delivery: Any) -> None:
        self.starts += 1
        if self.starts <= self.raises:
            raise ValueError(f"mood {self.starts}")
        await delivery.deliver([sighting(self.starts)])
        delivery.healthy("listens")
        await asyncio.Event().wait()


def supplied(kind: Any, ledger: Ledger) -> Supplied:
    return Supplied(
        kind.name,
        kind,
        None,
        None,
        ledger,
        ledger,
        Intake(ledger),
    )


async def test_a_source_that_raises_is_started_again_with_growing_pauses(ledger: Ledger) -> None:
    """Whatever it raises; its health says what it was, until it works."""
    source, pauses, told = supplied(Moody(3), ledger), [], []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        told.append(health([source])["moody"]["detail"])

    running = asyncio.create_task(keep_running(source, sleep=sleep))
    async with asyncio.timeout(10):
        while not source.up:  # noqa: ASYNC110 - a source has no event for it
            await asyncio.sleep(0.005)
    assert (pauses, told[0], source.restarts) == ([1.0, 2.0, 4.0], "ValueError: mood 1", 3)
    assert health([source])["moody"] | {"lag_seconds": 0} == {
        "up": True,
        "detail": "listens",
        "lag_seconds": 0,
        "delivered": 1,
        "restarts": 3,
        "drops": 0,
        "refused": 0,
    }
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not source.up


async def test_one_that_fails_leaves_the_others_up(site: Campus, serving: Any) -> None:
    """A port that cannot be had keeps one source down; the file is followed all the same."""
    log = site.lab.primary.log.path("hm")
    sources = [
        {"source": "syslog", "listen": [{"protocol": "tcp", "host": "192.0.2.1", "port": 6514}]},
        {"source": "file", "paths": [str(log)], "site": "campus", "holder": "primary"},
    ]
    async with serving(site, sources=sources) as now:
        await site.break_trust("secondary")
        await now.case("waiting")
        ready = (await now.http.get("/readyz")).json()["sources"]
    assert (ready["syslog[0]"]["up"], "cannot listen" in ready["syslog[0]"]["detail"]) == (False, True)
    assert ready["file[1]"]["up"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"source": "telegraph"}, "no plugin provides this source"),
        ({"source": "file"}, "paths"),
        ({"source": "file", "paths": ["x"], "colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_source_stops_the_start(site: Campus, serving: Any, source: dict[str, Any], says: str) -> None:
    """With the line of the inventory at which it is."""
    with pytest.raises(InventoryError) as wrong:
        async with serving(site, sources=[source]):
            pass
    assert says in "".join(wrong.value.problems)
    assert "retrust.yaml:" in "".join(wrong.value.problems)


async def test_a_storm_costs_few_entries_and_every_sighting_counts(ledger: Ledger) -> None:
    """100,000 sightings of two edges, from many at once: two rows, exact counts, first and last times."""
    intake = Intake(ledger)
    storm = [sighting(n, dn=f"CN=pi-{n % 2}") for n in range(100_000)]
    await asyncio.gather(*(intake.deliver("file", storm[at : at + 500]) for at in range(0, len(storm), 500)))
    seen = await ledger.sightings("campus")
    assert sorted((s.dn, s.count) for s in seen) == [("CN=pi-0", 50_000), ("CN=pi-1", 50_000)]
    assert (min(s.first_at for s in seen), max(s.at for s in seen)) == (storm[0].at, storm[-1].at)
    assert len(await ledger.entries(kinds=("sighted",))) < 10
    assert storm[0].at == NOON


async def test_a_storm_in_a_file_is_one_case_and_delays_nobody(site: Campus, serving: Any) -> None:
    """While 100,000 lines of two failures are read, the loop turns for everything else, and memory stays flat."""
    log = site.inventory.parent / "storm.log"
    log.touch()
    await site.break_trust("secondary", "primary")
    subject = "CN={name}, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US"
    lines = [
        f"[system] [HealthMonitorThread] TOFU failed. Check local trust Trust-on-first-use is configure for this "
        f"connection. Current certificate of the remote host is different from what was used earlier - "
        f"{subject.format(name=name)} \n".encode()
        for name in ("prime-sec", "prime-pri")
    ]
    async with serving(site, sources=[{"source": "file", "paths": [str(log)], "site": "campus"}]) as now:
        turns: list[float] = []
        longest = asyncio.create_task(_count_turns(turns))
        before = resident()
        for _ in range(50):
            with log.open("ab") as appended:
                appended.write((lines[0] + lines[1]) * 1_000)
            await asyncio.sleep(0)

        async def counted() -> bool:
            return sum(s.count for s in await now.ledger.sightings("campus")) >= 100_000

        await now.until(counted, "the whole storm", limit=90)
        await now.case("waiting")
        longest.cancel()
        assert [s.count for s in await now.ledger.sightings("campus")] == [50_000, 50_000]
        assert len(await now.ledger.cases()) == 1
        assert max(turns) < 1.0, "seconds of our own processor time"
        assert resident() - before < 48


def resident() -> float:
    """MiB of this process; 0 where the system does not tell."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if told.exists() else 0.0


async def _count_turns(turns: list[float]) -> None:
    """The processor time that passes between two turns of the loop: what the machine does besides is not in it."""
    while True:
        before = time.thread_time()
        await asyncio.sleep(0)
        turns.append(time.thread_time() - before)


async def test_a_delivery_fails_as_a_whole(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody whose sightings were to be written together is told, and the next delivery is tried anew."""
    intake, keep = Intake(ledger), ledger.sight_many

    async def refuse(sightings: Any, **_: Any) -> None:
        raise LedgerError("the disk is full", where="ledger.db")

    monkeypatch.setattr(ledger, "sight_many", refuse)
    ended = await asyncio.gather(*(intake.deliver("file", [sighting(n)]) for n in range(3)), return_exceptions=True)
    assert [type(e) for e in ended] == [LedgerError] * 3
    monkeypatch.setattr(ledger, "sight_many", keep)
    await intake.deliver("file", [sighting(9)])
    assert [s.count for s in await ledger.sightings("campus")] == [1]


async def test_what_is_remembered_outlives_the_process(tmp_path: Path) -> None:
    """It is of one kind of source, and of one home: another home's files are others."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    for home in ("one", "two"):
        if home == "two":  # a worker's home has the same key
            (tmp_path / "two").mkdir()
            shutil.copy(tmp_path / "one" / "ledger.key", tmp_path / "two")
        async with await Ledger.open(url, tmp_path / home) as ledger:
            source = supplied(Moody(0), ledger)
            assert await source.position("a key") is None
            for value in ("before", "a value"):
                await source.remember("a key", value)
        async with await Ledger.open(url, tmp_path / home) as ledger:
            assert await supplied(Moody(0), ledger).position("a key") == "a value"
            assert await ledger.position("probe", "a key") is None
