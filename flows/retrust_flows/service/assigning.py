"""Which site a sighting is about that names none: by what the ledger knows, else by looking.

A log line holds a DN, and several sites may have servers of that name. The certificates last verified, and
those of the last snapshots, say which sites know the DN. Where exactly one does, it is that one; else every
site that could be meant is looked at, read only and once for all sightings, and the one that has a broken edge
for it is meant. A sighting that fits none, or several, is kept as it is, told, and tried again later: a guess
could accuse a healthy site of an interception.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from retrust.engine.engine import Engine
from retrust.errors import RetrustError
from retrust.inventory import Site
from retrust.ledger import Entry, Ledger, Sighted
from retrust.models import Finding, Grade, Verdict
from retrust.runs.reaching import reach
from retrust.trust.observation import Known, take_snapshot
from retrust.trust.verdicts import Candidate, attribute
from retrust.x509.dn import Attribute, DistinguishedName

log = logging.getLogger("retrust.service")

AGAIN, LONGEST = timedelta(minutes=1), timedelta(hours=1)
LOOKS_AT_ONCE = 8
SHARE = 10
"""A round is followed by a pause of so many times its own length: names that fit no site do not fill the day."""
TOLD_A_DAY = 20
"""Alarms about names that fit no site; further names of that day are one more alarm."""
FURTHER = "further sightings fit no site, or several: they are kept and tried again; /readyz counts them"
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
    _looked_for_hints: datetime | None = None

    def take(self, entry: Entry) -> None:
        if entry.kind == "sighted" and entry.site is None:
            self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            began = asyncio.get_running_loop().time()
            try:
                await self.round()
            except RetrustError as exc:
                log.warning("sightings could not be assigned, trying again: %s", exc)
            await asyncio.sleep(min(SHARE * (asyncio.get_running_loop().time() - began), AGAIN.total_seconds()))
            try:
                async with asyncio.timeout(AGAIN.total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def round(self) -> None:
        """Assign whatever can be; what was tried in vain waits for its turn."""
        loose = await self.ledger.loose()
        self.unassigned = len(loose)
        self._tries = {s.id: self._tries[s.id] for s in loose if s.id in self._tries}
        due = [s for s in loose if self._is_due(s)]
        if not due:
            return
        meant = await self._meant(due)
        of_site: dict[str, list[Sighted]] = defaultdict(list)
        for sighting in due:
            if sighting.id in meant:
                of_site[meant[sighting.id]].append(sighting)
        for site, sightings in of_site.items():
            await self._assign(site, sightings)
        await self._alarm([s for s in due if s.id not in meant and self._is_tried_first(s) and not s.is_hint])

    def _is_due(self, sighting: Sighted) -> bool:
        tried = self._tries.get(sighting.id)
        return tried is None or not timedelta() <= self.clock() - tried.at < tried.pause

    async def _assign(self, site: str, sightings: Sequence[Sighted]) -> None:
        await self.ledger.assign_sightings([s.id for s in sightings], site=site, actor=ACTOR)
        self.unassigned -= len(sightings)
        log.info(
            "%d sightings of %d names (%s) are about %s",
            sum(s.count for s in sightings),
            len(sightings),
            sightings[0].dn or "no name",
            site,
            extra={"site": site},
        )

    def _is_tried_first(self, sighting: Sighted) -> bool:
        """Notes that it was tried in vain; whether that was the first time."""
        before = self._tries.get(sighting.id)
        pause = min(before.pause * 2, LONGEST) if before else AGAIN
        self._tries[sighting.id] = _Try(self.clock(), pause)
        return before is None

    async def _alarm(self, sightings: Sequence[Sighted]) -> None:
        """Somebody's server rejects a certificate, and nobody here is responsible: told once, also after a restart."""
        if not sightings:
            return
        alarms = [alarm for alarm in await self.ledger.alarms() if alarm.what == "unassigned"]
        told, today = {a.detail for a in alarms}, sum(a.at > self.clock() - timedelta(days=1) for a in alarms)
        for sighting in sightings:
            said = (
                f"a sighting of {sighting.dn or 'no name'} ({sighting.source}) fits no site, or several: it is kept "
                f"and tried again; name the site in the source's settings"
            )
            if said in told or today > TOLD_A_DAY:
                continue
            said = FURTHER if today == TOLD_A_DAY else said
            log.warning("%s", said)
            await self.ledger.alarm("unassigned", said, actor=ACTOR)
            today += 1

    # -- which sites could be meant ---------------------------------------------------------------

    async def _meant(self, sightings: Sequence[Sighted]) -> dict[str, str]:
        """By sighting, the one site that it is about; those that fit none, or several, are left out."""
        meant = {s.id: site for s in sightings if (site := self._by_address(s)) is not None}
        rest = [s for s in sightings if s.id not in meant]
        if not rest:
            return meant
        sites = {s.name: s for s in self.engine.inventory.sites.values() if not s.maintenance}
        names = Names([(site, subject) for site in sites for subject in await self._subjects(site)])
        could = {s.id: names.sites(s.dn, is_cut=s.has_cut_name) if s.dn else set() for s in rest}
        possible: dict[str, Collection[str]] = {id_: found or sites for id_, found in could.items()}
        meant |= {id_: next(iter(found)) for id_, found in possible.items() if len(found) == 1}
        return meant | await self._by_looking([s for s in rest if s.id not in meant], possible, sites)

    def _by_address(self, sighting: Sighted) -> str | None:
        """The inventory's only site with that endpoint; or its only site at all."""
        sites = list(self.engine.inventory.sites.values())
        if sighting.endpoint is not None:
            sites = [s for s in sites if sighting.endpoint in s.endpoints().values()]
        found = [s.name for s in sites]
        return found[0] if len(found) == 1 else None

    async def _subjects(self, site: str) -> set[str]:
        subjects = {b.subject for b in (await self.ledger.baselines(site)).values()}
        for case in await self.ledger.cases(site=site, limit=1):
            for record in (await self.ledger.snapshots(case.id))[-1:]:
                findings = (await self.ledger.snapshot(record.seq)).findings
                subjects |= {f.presented.subject for f in findings if f.presented}
        return subjects

    async def _by_looking(
        self, sightings: Sequence[Sighted], possible: Mapping[str, Collection[str]], sites: Mapping[str, Site]
    ) -> dict[str, str]:
        """The only site with a broken edge for each. Anybody can send a hint: one look a minute is for hints."""
        for_hints = self._looked_for_hints
        if for_hints is not None and timedelta() <= self.clock() - for_hints < AGAIN:
            sightings = [s for s in sightings if not s.is_hint]
        elif any(s.is_hint for s in sightings):
            self._looked_for_hints = self.clock()
        about: dict[str, list[Sighted]] = defaultdict(list)
        for sighting in sightings:
            for site in possible[sighting.id]:
                about[site].append(sighting)
        turns = asyncio.Semaphore(LOOKS_AT_ONCE)
        looks = await asyncio.gather(*(self._broken(sites[site], said, turns) for site, said in about.items()))
        found: dict[str, list[str]] = defaultdict(list)
        for site, broken in zip(about, looks, strict=True):
            for id_ in broken:
                found[id_].append(site)
        return {id_: names[0] for id_, names in found.items() if len(names) == 1}

    async def _broken(self, site: Site, sightings: Sequence[Sighted], turns: asyncio.Semaphore) -> set[str]:
        """Those for which a read-only look at the site finds an edge that they can be about, and not intact."""
        # Who says it does not matter here: only whether such an edge is broken.
        heard = tuple(s.model_copy(update={"level": "authenticated"}) for s in sightings)
        target = self.engine.target(site)
        try:
            async with turns, reach(self.engine, site, self.ledger) as there:
                known = Known(await self.ledger.baselines(site.name), heard)
                seen = await take_snapshot(target, site, there, known, (), pages=False)
            candidates = [Candidate(f.pin, target.locate(site, f.pin), f.presented) for f in seen.findings]
            broken = {f.pin for f in seen.findings if _is_broken(f)}
            return {s.id for s in heard if broken & {*attribute(s, candidates, lambda *of: target.fits(site, *of))}}
        except Exception as exc:  # a target is somebody else's code
            said = exc if isinstance(exc, RetrustError) else self.engine.plugins.failed(target, "its target", exc)
            log.info("%s could not be looked at for a sighting: %s", site.name, said, extra={"site": site.name})
            return set()


def _is_broken(found: Finding) -> bool:
    """ "Contradicted" here only says that the edge is intact as far as we see: another site is meant."""
    is_intact = found.evidence.grade is Grade.CONTRADICTED
    return found.sighted and found.verdict in (Verdict.STALE, Verdict.UNPROVEN) and not is_intact


class Names:
    """Which sites know a name, found by its rarest attribute: a name costs little, however many there are."""

    def __init__(self, subjects: Iterable[tuple[str, str]]) -> None:
        self._known = [(site, DistinguishedName.parse(subject)) for site, subject in subjects]
        self._having: dict[Attribute, list[int]] = defaultdict(list)
        for number, (_, name) in enumerate(self._known):
            for attribute_ in name.attributes:
                self._having[attribute_].append(number)

    def sites(self, dn: str, *, is_cut: bool) -> set[str]:
        if is_cut:
            return {site for site, name in self._known if name.may_be(dn)}
        said = DistinguishedName.parse(dn)
        rarest = min((self._having.get(a, []) for a in said.attributes), key=len, default=[])
        return {site for site, name in map(self._known.__getitem__, rarest) if name.covers(said)}
