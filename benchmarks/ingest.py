"""What many sources bring at once, and whose turn it is.

First, with ``retrust serve`` up: syslog, as anybody may send it, brings hints of names that are all different, while a
webhook is asked again and again and a site's own log tells of a renewal; beside it the entries that three broken sites
of a lab, whose nodes meet four times a second, write while they wait for a decision. Then, without a service: names
that are all different and belong to no site yet come in and are assigned, as CPU of the whole process.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
from benchmarks import sites as lab_sites
from benchmarks.events import _environment, _figures, _planned_at
from benchmarks.labs import QUIET
from benchmarks.parts import free_port, served
from benchmarks.report import Row, table, under
from benchmarks.scan import FLAT

from retrust.engine.engine import Engine
from retrust.ledger import Ledger
from retrust.models import Sighting
from retrust_flows.service.assigning import Assigner
from retrust_flows.service.intake import Intake

RATE, SECONDS = 6_000, 20.0
ANSWERED, PLANNED = 1.0, 2.0
NAMES, CPU = 20_000, 10.0
TOKEN = "f3b1c0-of-the-webhook"
REPEATED, BROKEN, MEETS = 60.0, 3, 0.25


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="retrust-ingest-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    rows = await _flood(folder)
    rows += await _repeats(folder)
    return [*rows, under(f"{NAMES:,} different names come in and are assigned, CPU", await _assigned(folder), CPU)]


# -- a flood of hints ------------------------------------------------------------------------------------


async def _flood(folder: Path) -> list[Row]:
    port, home = free_port(), folder / "flood"
    async with lab_sites.running(3, folder, pace=QUIET) as sites:
        sources = [
            *(site.source() for site in sites),
            {"source": "syslog", "listen": [{"protocol": "udp", "port": port}]},
            {"source": "webhook", "token": f"file:{_token(folder)}"},
        ]
        environment = _environment(folder, sites, home, sources=sources)
        async with await Ledger.open(None, home) as ledger, served("flood", folder, environment) as door:
            await lab_sites.verified(sites, ledger)
            before = await _figures(door)
            talker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.talker", str(port), str(RATE), str(SECONDS), "--different",
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            asking = asyncio.create_task(_asked(door, sites[2].name))
            await asyncio.sleep(SECONDS / 2)
            planned = await _renewed(sites[0], ledger)
            sent = int((await talker.communicate())[0])
            planned = max(planned, await _renewed(sites[1], ledger))
            asking.cancel()
            answers = await asking
            after = await _figures(door)
    cpu = after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]
    said = f"{RATE:,} different hints a second for {SECONDS:.0f} s"
    return [
        under(f"{said}: the slowest of {len(answers)} answers of a webhook", max(answers), ANSWERED),
        under(f"{said}: from the log line of a site to its plan, the slower of two", planned, PLANNED),
        Row("… hints sent, and dropped by the kernel", f"{sent:,}, {int(after['retrust_source_dropped']):,}"),
        Row("… CPU of the service", f"{cpu:.1f} s"),
    ]


def _token(folder: Path) -> Path:
    path = folder / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return path


async def _asked(door: str, site: str) -> list[float]:
    """Seconds to each answer, asked anew twice a second until this is cancelled."""
    taken: list[float] = []
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                began = time.perf_counter()
                event = {
                    "specversion": "1.0",
                    "type": "retrust.log.signature",
                    "source": "bench",
                    "id": str(len(taken)),
                }
                answer = await client.post(
                    f"{door}/hooks/events",
                    json=event | {"data": {"text": FLAT.decode(), "site": site}},
                    headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"},
                )
                answer.raise_for_status()
                taken.append(time.perf_counter() - began)
                await asyncio.sleep(0.5)
    return taken


async def _renewed(site: lab_sites.Site, ledger: Ledger) -> float:
    await site.lab.secondary.renew()
    at = time.time()
    site.lab.primary.log.primary_mismatch(site.lab.secondary.identity.certificate.subject)
    return await _planned_at(ledger, site.name) - at


# -- repeats ---------------------------------------------------------------------------------------------


async def _repeats(folder: Path) -> list[Row]:
    home = folder / "repeats"
    async with lab_sites.running(BROKEN, folder / "repeating", pace=MEETS) as sites:
        environment = _environment(folder, sites, home)
        async with await Ledger.open(None, home) as ledger, served("repeats", folder, environment):
            await lab_sites.verified(sites, ledger)
            await lab_sites.break_all(sites)
            await asyncio.gather(*(_planned_at(ledger, site.name) for site in sites))
            await asyncio.sleep(REPEATED)
        async with await Ledger.open(None, home) as ledger:  # it was stopped, and nothing is under way
            entries = [entry async for entry in ledger.walk()]
            seen = sum(s.count for s in await ledger.sightings())
    kinds = Counter(entry.kind for entry in entries)
    limit = BROKEN * (REPEATED / 30 + 6)
    return [
        Row(
            f"{BROKEN} broken sites wait for a decision for {REPEATED:.0f} s: entries of sightings",
            f"{kinds['sighted']} for {seen:,} sightings",
            "",
            "",
            f"≤ {limit:.0f}",
            kinds["sighted"] <= limit,
        )
    ]


# -- names -----------------------------------------------------------------------------------------------


async def _assigned(folder: Path) -> float:
    """As one batch after the other comes in from a source that knows its speakers, each followed by a round."""
    home = folder / "names"
    async with lab_sites.running(1, folder / "assigning", pace=QUIET) as sites:
        home.mkdir()
        lab_sites.write_inventory(sites, folder, home / "retrust.yaml")
        engine = replace(Engine.start(home / "retrust.yaml"), home=home)
        async with await Ledger.open(None, home) as ledger:
            intake, assigner = Intake(ledger), Assigner(engine, ledger)
            began = time.process_time()
            for start in range(0, NAMES, 1000):
                await intake.deliver("relay", [_named(n) for n in range(start, start + 1000)])
                await assigner.round()
            taken = time.process_time() - began
            assert assigner.unassigned == 0
            return taken


def _named(n: int) -> Sighting:
    now = datetime.now(UTC)
    return Sighting(
        id=str(n),
        kind="log",
        role="peer",
        dn=f"CN=host-{n}, O=Example, C=US",
        at=now,
        received_at=now,
        source="relay",
        actor="service",
        level="authenticated",
    )


if __name__ == "__main__":
    sys.stdout.write(table(run()))
