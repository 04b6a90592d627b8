"""Which site a sighting is about that names none: by what the ledger knows, else by looking.

A log line holds a DN, and several sites may have servers of that name. The certificates last verified, and
those of the last snapshots, say which sites know the DN. Where exactly one does, it is that one; else every
site that could be meant is looked at, read only, and the one that has a broken edge for it is meant. A
sighting that fits none, or several, is kept as it is, told, and tried again later: a guess could accuse a
healthy site of an interception.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from retrust.engine.engine import Engine
from retrust.errors import RetrustError
from retrust.inventory import Site
from retrust.ledger import Entry, Ledger, Sighted
from retrust.models import Grade, Verdict
from retrust.runs.reaching import reach
from retrust.trust.observation import Known, take_snapshot
from retrust.x509.dn import DistinguishedName

log = logging.getLogger("retrust.service")

AGAIN, LONGEST = timedelta(minutes=1), timedelta(hours=1)
LOOKS_AT_ONCE = 8
HINTS_A_ROUND = 5
"""Anybody can send a hint, and each may cost a look at every site."""
ACTOR = "service"


@dataclass
class _Try:
    at: datetime
    pause: timedelta


@dataclass
class Assigner:
    """``take`` hears of entries, ``run`` assigns until cancelled, ``round`` does it once."""

    engine: Engine
    ledger: Ledger
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    unassigned: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tries: dict[str, _Try] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        if entry.kind == "sighted" and entry.site is None:
            self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.round()
            except RetrustError as exc:
                log.warning("sightings could not be assigned, trying again: %s", exc)
            try:
                async with asyncio.timeout(AGAIN.total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def round(self) -> None:
        """Assign whatever can be; what was tried in vain waits for its turn."""
        loose = [s for s in await self.ledger.sightings() if s.site is None]
        self.unassigned = len(loose)
        self._tries = {s.id: self._tries[s.id] for s in loose if s.id in self._tries}
        hints = HINTS_A_ROUND
        for sighting in sorted(loose, key=lambda s: s.is_hint):
            tried = self._tries.get(sighting.id)
            if tried is None or not timedelta() <= self.clock() - tried.at < tried.pause:
                hints -= sighting.is_hint
                if hints >= 0 or not sighting.is_hint:
                    await self._assign(sighting)

    async def _assign(self, sighting: Sighted) -> None:
        site = self._by_address(sighting) or await self._by_name(sighting)
        if site is None:
            await self._not_now(sighting)
            return
        await self.ledger.assign_sighting(sighting.id, site=site, actor=ACTOR)
        self._tries.pop(sighting.id, None)
        self.unassigned -= 1
        log.info(
            "a sighting of %s (%d×) is about %s", sighting.dn or "no name", sighting.count, site, extra={"site": site}
        )

    async def _not_now(self, sighting: Sighted) -> None:
        before = self._tries.get(sighting.id)
        pause = min(before.pause * 2, LONGEST) if before else AGAIN
        self._tries[sighting.id] = _Try(self.clock(), pause)
        if before is None and not sighting.is_hint:
            await self._alarm(sighting)

    async def _alarm(self, sighting: Sighted) -> None:
        """Somebody's server rejects a certificate, and nobody here is responsible: told once, also after a restart."""
        said = (
            f"a sighting of {sighting.dn or 'no name'} ({sighting.source}) fits no site, or several: it is kept "
            f"and tried again; name the site in the source's settings"
        )
        log.warning("%s", said)
        if all(alarm.detail != said for alarm in await self.ledger.alarms()):
            await self.ledger.alarm("unassigned", said, actor=ACTOR)

    # -- which sites could be meant ---------------------------------------------------------------

    def _by_address(self, sighting: Sighted) -> str | None:
        """The inventory's only site with that endpoint; or its only site at all."""
        sites = list(self.engine.inventory.sites.values())
        if sighting.endpoint is not None:
            sites = [s for s in sites if sighting.endpoint in s.endpoints().values()]
        found = [s.name for s in sites]
        return found[0] if len(found) == 1 else None

    async def _by_name(self, sighting: Sighted) -> str | None:
        sites = [s for s in self.engine.inventory.sites.values() if not s.maintenance]
        if sighting.dn is not None:
            sites = [s for s in sites if await self._knows(s, sighting)] or sites
        if len(sites) == 1:
            return sites[0].name
        turns = asyncio.Semaphore(LOOKS_AT_ONCE)
        broken = await asyncio.gather(*(self._is_broken(site, sighting, turns) for site in sites))
        meant = [site.name for site, is_broken in zip(sites, broken, strict=True) if is_broken]
        return meant[0] if len(meant) == 1 else None

    async def _knows(self, site: Site, sighting: Sighted) -> bool:
        subjects = {b.subject for b in (await self.ledger.baselines(site.name)).values()}
        for case in await self.ledger.cases(site=site.name, limit=1):
            for record in (await self.ledger.snapshots(case.id))[-1:]:
                findings = (await self.ledger.snapshot(record.seq)).findings
                subjects |= {f.presented.subject for f in findings if f.presented}
        names, dn = [DistinguishedName.parse(subject) for subject in subjects], sighting.dn or ""
        if sighting.has_cut_name:
            return any(name.may_be(dn) for name in names)
        return any(name.covers(DistinguishedName.parse(dn)) for name in names)

    async def _is_broken(self, site: Site, sighting: Sighted, turns: asyncio.Semaphore) -> bool:
        """Whether a read-only look at the site finds an edge that the sighting can be about, and not intact."""
        try:
            async with turns, reach(self.engine, site, self.ledger) as there:
                # Who says it does not matter here: only whether such an edge is broken.
                heard = sighting.model_copy(update={"level": "authenticated"})
                known = Known(await self.ledger.baselines(site.name), (heard,))
                seen = await take_snapshot(self.engine.target(site), site, there, known, (), pages=False)
        except Exception as exc:  # a target is somebody else's code
            target = self.engine.target(site)
            said = exc if isinstance(exc, RetrustError) else self.engine.plugins.failed(target, "its target", exc)
            log.info("%s could not be looked at for a sighting: %s", site.name, said, extra={"site": site.name})
            return False
        # "Contradicted" here only says that the edge is intact as far as we see: another site is meant.
        return any(
            f.sighted and f.verdict in (Verdict.STALE, Verdict.UNPROVEN) and f.evidence.grade is not Grade.CONTRADICTED
            for f in seen.findings
        )
