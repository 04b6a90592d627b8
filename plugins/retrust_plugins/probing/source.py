"""Rounds over the endpoints of all baselines: another certificate is a sighting, one that ends soon a notice.

Nothing logs in anywhere: a probe is one TLS handshake. Whether another certificate is the peer's own is not
asked here; a sighting only says that somebody should look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import Field

from retrust.errors import PermanentError, RetrustError
from retrust.inventory import Duration, Part, Site, Texts
from retrust.models import Baseline, Pin, Presented, Sighting
from retrust.sources import Delivery, EventSource
from retrust.target import Place
from retrust.trust import certificate, probe_places

LAST = "last round"


class ProbingSettings(Part):
    """``expires`` is how long before a certificate's end its renewal is to be planned."""

    every: Duration = Field(default=timedelta(hours=6), description="How often to look.")
    expires: Duration = Field(default=timedelta(days=30), description="Tell of certificates that end within this.")
    sites: Texts = Field(default=(), description="Only these sites; empty for all.")


@dataclass(frozen=True)
class _Watched:
    """One verified edge, and where its certificate is looked at."""

    site: Site
    baseline: Baseline
    place: Place


class Probing(EventSource[ProbingSettings]):
    name = "probe"
    settings_model = ProbingSettings

    async def run(self, settings: ProbingSettings, delivery: Delivery) -> None:
        if unknown := set(settings.sites) - set(delivery.host.inventory.sites):
            raise PermanentError(f"the inventory has no site {', '.join(sorted(unknown))}", where=delivery.name)
        delivery.healthy("waits for its first round")
        while True:
            await asyncio.sleep(await _until_next(settings, delivery))
            await delivery.remember(LAST, datetime.now(UTC).isoformat())
            await _round(settings, delivery)


async def _until_next(settings: ProbingSettings, delivery: Delivery) -> float:
    """Seconds until the next round is due; a restart begins no round anew, and a clock set back no longer wait."""
    last = await delivery.position(LAST)
    if last is None:
        return 0.0
    since = datetime.now(UTC) - datetime.fromisoformat(last)
    return max(0.0, (settings.every - max(since, timedelta())).total_seconds())


async def _round(settings: ProbingSettings, delivery: Delivery) -> None:
    watched = [
        w
        for site in delivery.host.inventory.sites.values()
        if not settings.sites or site.name in settings.sites
        for w in _of(delivery, site, await delivery.knowledge.baselines(site.name))
    ]
    seen = await probe_places([w.place for w in watched])
    presented = [(w, found) for w in watched if (found := certificate(w.place, seen)) is not None]
    await delivery.deliver(
        [_sighting(w, found) for w, found in presented if found.fingerprint != w.baseline.fingerprint]
    )
    for w, found in presented:
        await _tell_of_end(settings, delivery, w, found)
    silent = sum(isinstance(found, RetrustError) for found in seen.values())
    delivery.healthy(f"{len(seen)} endpoints, {silent} silent")


def _of(delivery: Delivery, site: Site, baselines: dict[str, Baseline]) -> Iterator[_Watched]:
    target = delivery.host.target(site)
    for baseline in baselines.values():
        pin = Pin(holder=baseline.holder, key=baseline.key, subject=baseline.subject, line="")
        if baseline.holder in target.holders(site) and (place := target.locate(site, pin)).kind == "endpoint":
            yield _Watched(site, baseline, place)


def _sighting(watched: _Watched, found: Presented) -> Sighting:
    now, baseline = datetime.now(UTC), watched.baseline
    return Sighting(
        id=f"probe:{baseline.site}:{baseline.holder}:{baseline.key}:{found.fingerprint}",
        kind="probe",
        site=baseline.site,
        holder=baseline.holder,
        key=baseline.key,
        endpoint=watched.place.endpoint,
        dn=found.subject,
        fingerprint=found.fingerprint,
        at=now,
        received_at=now,
        source="probe",
        actor="service",
        level="authenticated",
        text=f"{watched.place.endpoint} presents {found.fingerprint}, last verified was {baseline.fingerprint}",
    )


async def _tell_of_end(settings: ProbingSettings, delivery: Delivery, watched: _Watched, found: Presented) -> None:
    """Once for each certificate, whoever pins it."""
    if found.not_after - datetime.now(UTC) > settings.expires:
        return
    site, endpoint = watched.site.name, watched.place.endpoint
    key = f"told of the end {site} {endpoint}"
    if await delivery.position(key) == found.fingerprint:
        return
    await delivery.notice(
        site,
        "a certificate ends soon",
        f"{endpoint} presents {found.fingerprint} until {found.not_after:%Y-%m-%d %H:%M} UTC; plan "
        f"its renewal: retrust impact {site} --renew {watched.place.peer or endpoint}",
    )
    await delivery.remember(key, found.fingerprint)
