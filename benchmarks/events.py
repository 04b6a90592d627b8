"""From an event to what is done about it, with ``retrust serve`` up.

A log line is appended, and its case's plan is in the ledger, with evidence from both ends, waiting for its gate: on
SQLite with two seconds between cases, on PostgreSQL one as soon as the other's plan is there. The devices are a lab's,
whose answers take no time of their own. Beside it: ansible-rulebook, from a webhook's event to the first task of its
playbook, which has looked at nothing by then. Then syslog over UDP, each message a signature line of one site, and
what the kernel counted as dropped: heard and dropped together are all that was sent, or the comparison fails.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
from benchmarks import sites as lab_sites
from benchmarks.labs import QUIET
from benchmarks.parts import free_port, prefect_on, quiet, served
from benchmarks.report import Row, beside, table, under
from benchmarks.rulebook import NoRulebook, event_to_first_task

from retrust.ledger import Ledger
from retrust.testing.postgres import NoPostgres, ledger_section, server
from retrust_flows.service.intake import REPEATS

CASES, APART = 20, 2.0
GOAL = 1.0
LIMIT = 60.0
RATE, SECONDS = 20_000, 30.0


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="retrust-events-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    async with lab_sites.running(CASES, folder, pace=QUIET) as sites:
        ours = {"SQLite, 2 s apart": await _on_sqlite(folder, sites)}
        rows = []
        try:
            ours["PostgreSQL, back to back"] = await _on_postgres(folder, sites)
        except NoPostgres as exc:
            rows.append(Row(f"PostgreSQL was not measured: {exc}", ""))
        try:
            peer = statistics.median(await event_to_first_task(folder))
        except NoRulebook as exc:
            peer = None
            rows.append(Row(f"ansible-rulebook was not measured: {exc}", ""))
        for where, taken in ours.items():
            name = f"from the log line to the plan, {where}"
            rows.append(under(f"{name}, 95th percentile of {len(taken)}", _p95(taken), GOAL))
            if peer is not None:
                rows.append(
                    beside(
                        f"{name}, median",
                        statistics.median(taken),
                        peer,
                        peer_name="ansible-rulebook, from the event to the first task, median",
                    )
                )
        return [*rows, *await _syslog(folder, sites)]


def _p95(taken: list[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.95) - 1]


# -- from the line to the plan ---------------------------------------------------------------------------


async def _on_sqlite(folder: Path, sites: list[lab_sites.Site]) -> list[float]:
    home = folder / "sqlite"
    environment = _environment(folder, sites, home)
    async with await Ledger.open(None, home) as ledger:
        await lab_sites.verified(sites, ledger)
        async with served("sqlite", folder, environment):
            return await _cases(sites, ledger, APART)


async def _on_postgres(folder: Path, sites: list[lab_sites.Site]) -> list[float]:
    postgres, home = server(), folder / "postgres"
    url, prefect = postgres.database(), postgres.database()
    environment = _environment(folder, sites, home, ledger=ledger_section(url, folder)) | prefect_on(prefect)
    async with await Ledger.open(url, home) as ledger:
        await lab_sites.verified(sites, ledger)
        async with served("postgres", folder, environment, prefect_apart=True):
            return await _cases(sites, ledger, 0.0)


async def _cases(sites: list[lab_sites.Site], ledger: Ledger, apart: float) -> list[float]:
    taken = []
    for site in sites:
        await site.lab.secondary.renew()
        at = time.time()
        site.lab.primary.log.primary_mismatch(site.lab.secondary.identity.certificate.subject)
        taken.append(await _planned_at(ledger, site.name) - at)
        await asyncio.sleep(apart)
    return taken


async def _planned_at(ledger: Ledger, site: str) -> float:
    """By the entry's own time; looked for seldom, so that this is no load."""
    async with asyncio.timeout(LIMIT):
        while True:
            await asyncio.sleep(0.1)
            if planned := await ledger.entries(site=site, kinds=("planned",)):
                return planned[0].at.timestamp()


def _environment(folder: Path, sites: list[lab_sites.Site], home: Path, **sections: object) -> dict[str, str]:
    home.mkdir()
    path = home / "retrust.yaml"
    lab_sites.write_inventory(sites, folder, path, policy={}, **sections)
    environment = os.environ | quiet(home) | {"RETRUST_INVENTORY": str(path), "RETRUST_HOME": str(home)}
    environment.pop("PREFECT_API_URL", None)
    return environment


# -- syslog ----------------------------------------------------------------------------------------------


async def _syslog(folder: Path, sites: list[lab_sites.Site]) -> list[Row]:
    port, home = free_port(), folder / "syslog"
    site = sites[0].name
    environment = _environment(
        folder,
        sites[:1],
        home,
        sources=[{"source": "syslog", "listen": [{"protocol": "udp", "port": port}], "site": site}],
    )
    async with await Ledger.open(None, home) as ledger, served("syslog", folder, environment) as door:
        await lab_sites.verified(sites[:1], ledger)
        before = await _figures(door)
        sent = await _said(port)
        after = await _figures(door)
        heard, dropped = await _kept(door, sent)
    if heard + dropped != sent:
        raise SystemExit(f"syslog: {sent} were sent, {heard} kept and {dropped} counted by the kernel as dropped")
    cpu = after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]
    memory = [figures["process_resident_memory_bytes"] / 2**20 for figures in (before, after)]
    return [
        Row(
            f"syslog over UDP, {RATE:,}/s for {SECONDS:.0f} s, all of them signature lines",
            f"{sent:,} sent, {heard:,} counted in the ledger, {dropped:,} dropped by the kernel, "
            f"{sent - heard - dropped} lost",
            "",
            "",
            "none lost",
            True,
        ),
        Row("… CPU of the service meanwhile", f"{cpu / SECONDS:.2f} s a second"),
        Row("… its resident memory, before and after", f"{memory[0]:.0f} MiB, {memory[1]:.0f} MiB"),
    ]


async def _said(port: int) -> int:
    talker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.talker", str(port), str(RATE), str(SECONDS), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await talker.communicate()
    return int(said)


async def _kept(door: str, sent: int) -> tuple[int, int]:
    """What the ledger counted and what the kernel dropped, once that is all, or both stand still: repeats are held."""
    known, since = (-1, -1), time.monotonic()
    while True:
        figures = await _figures(door)
        now = int(figures["retrust_sightings_total"]), int(figures["retrust_source_dropped"])
        known, since = (now, time.monotonic() if now != known else since)
        if sum(now) == sent or time.monotonic() - since > 1.5 * REPEATS:
            return now
        await asyncio.sleep(1)


async def _figures(door: str) -> Counter[str]:
    """The service's own metrics, each summed over its labels."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"{door}/metrics")).text
    figures: Counter[str] = Counter()
    for line in text.splitlines():
        if not line.startswith("#"):
            name, figure = line.rsplit(" ", 1)
            figures[name.partition("{")[0]] += float(figure)  # type: ignore[assignment]
    return figures


if __name__ == "__main__":
    sys.stdout.write(table(run()))
