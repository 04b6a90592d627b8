"""The service while what it stands on is away: nothing kept is lost, nothing counts twice, and it goes on by itself.

Each outage is a real one: SQLite that finds no room, PostgreSQL that was killed. Log lines and webhooks come meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import event

from kit.campus import Campus
from retrust.audit import verify_chain
from retrust.ledger import Ledger, LedgerError
from retrust.testing.ledgers import noticed
from retrust.testing.postgres import ledger_section, requires_postgres

LINE = (
    "[system] [HealthMonitorThread] TOFU failed. Check local trust Trust-on-first-use is configure for this "
    "connection. Current certificate of the remote host is different from what was used earlier - "
    "CN=prime-sec, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US\n"
)
STORM = 500
HEADERS = {"Authorization": "Bearer token-4711", "Content-Type": "application/cloudevents+json"}


class Disk:
    """Where SQLite may add no page while it is full, in whichever connection."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._pages = ledger, "1000000"
        event.listen(ledger._database._engine.sync_engine, "checkout", self._checked_out)

    def _checked_out(self, connection: Any, *_: Any) -> None:
        connection.cursor().execute(f"PRAGMA max_page_count = {self._pages}")

    async def fill(self) -> None:
        """Also the pages that are there already."""
        self._pages = "1"  # SQLite takes the present size
        for size in (100_000, 2_000, 100):
            with contextlib.suppress(LedgerError):
                for _ in range(10_000):
                    await self._ledger.append(noticed("x" * size), actor="a test")

    async def make_room(self) -> None:
        self._pages = "1000000"


def sources(log: Path) -> list[dict[str, Any]]:
    return [
        {"source": "file", "paths": [str(log)], "site": "campus", "holder": "primary", "poll": 0.1},
        {"source": "webhook", "token": "env:HOOK_TOKEN", "site": "campus"},
    ]


@pytest.fixture
async def log(site: Campus, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOOK_TOKEN", "token-4711")
    path = site.inventory.parent / "outage.log"
    path.touch()
    return path


async def posted(now: Any, name: str) -> int:
    """The webhook's answer to one event."""
    answer = await now.http.post(
        "/hooks/events",
        headers=HEADERS,
        json={
            "specversion": "1.0",
            "id": name,
            "source": "splunk",
            "type": "retrust.log.signature",
            "data": {"text": LINE, "holder": "primary"},
        },
    )
    return int(answer.status_code)


async def through(now: Any, log: Path, begin: Callable[[], Any], end: Callable[[], Any]) -> None:
    """Lines and events before, in and after the outage; what is said of each, and the count in the end."""
    assert await posted(now, "before") == 202
    await begin()
    with log.open("a") as lines:
        lines.write(LINE * STORM)
    await asyncio.sleep(0.5)
    assert [await posted(now, "within") for _ in range(2)] == [503, 503]
    assert (await now.http.get("/healthz")).status_code == 200
    await end()
    with log.open("a") as lines:
        lines.write(LINE * STORM)

    async def accepted() -> bool:
        return await posted(now, "within") == 202

    await now.until(accepted, "the webhook takes what it refused")
    assert await posted(now, "within") == 202

    async def counted() -> bool:
        return sum(s.count for s in await now.ledger.sightings("campus")) >= 2 * STORM + 2

    await now.until(counted, "every line is counted")
    await now.case("waiting")
    assert sum(s.count for s in await now.ledger.sightings("campus")) == 2 * STORM + 2
    assert (await now.http.get("/readyz")).status_code == 200
    assert len(await now.ledger.cases()) == 1
    assert (await verify_chain(now.ledger)).ok


async def test_a_full_disk_stops_nothing_for_good(site: Campus, serving: Any, log: Path) -> None:
    """What cannot be kept is refused and read again; once there is room, every line counts, and once."""
    await site.break_trust("secondary")
    async with serving(site, sources=sources(log)) as now:
        disk = Disk(now.ledger)
        await through(now, log, disk.fill, disk.make_room)


@pytest.fixture
async def on_postgres(site: Campus) -> AsyncIterator[Any]:
    """The site's ledger in a PostgreSQL that may be killed; it knows the baselines of the other one."""
    server = requires_postgres()
    url = server.database()
    document = yaml.safe_load(site.inventory.read_text())
    document["ledger"] = ledger_section(url, site.inventory.parent)
    site.inventory.write_text(yaml.safe_dump(document, sort_keys=False))
    async with await Ledger.open(url, site.home) as ledger:
        known = await site.ledger.baselines("campus")
        await ledger.set_baselines(known.values(), actor="a test")
    yield server
    await asyncio.to_thread(server.stop)  # for the next test it is up, however this one ended
    await asyncio.to_thread(server.start)


async def test_a_database_that_was_killed_stops_nothing_for_good(
    site: Campus, serving: Any, log: Path, on_postgres: Any
) -> None:
    """While PostgreSQL is away events are refused and lines wait; once it is back, every line counts, and once."""
    await site.break_trust("secondary")
    async with serving(site, sources=sources(log)) as now:
        await through(
            now,
            log,
            lambda: asyncio.to_thread(on_postgres.stop, signal.SIGQUIT),
            lambda: asyncio.to_thread(on_postgres.start),
        )
