"""Taking a snapshot: pins, presented certificates, verdicts, evidence and relations at one time.

``check``, ``plan`` and every pass of a run look through this one function, and so does the look before
each write. What it finds is judged by ``verdicts``; what may be done about it is the planner's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from retrust.errors import RetrustError
from retrust.evidence import Collector, Edge, collect
from retrust.models import (
    Baseline,
    Collected,
    Endpoint,
    Evidence,
    Finding,
    Pin,
    Presented,
    Relation,
    Sighting,
    Snapshot,
    Unpinned,
)
from retrust.target import Connection, Place, Prober, Target
from retrust.trust.looks import PROBE_TIMEOUT, Looks
from retrust.trust.verdicts import Candidate, Facts, Judgement, attribute, judge
from retrust.x509 import tls

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.ledger import Sighted

PROBES_AT_ONCE = 50


@dataclass(frozen=True)
class Known:
    """What the ledger knows of a site before we look. ``baselines`` and ``unpinned`` are by edge (``holder:key``).

    ``many_sites``: a sighting that names no site may then be about another one, whose servers have the same
    names; it makes no pin of this one stale by itself, and accuses none.
    """

    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    sightings: tuple[Sighting, ...] = ()
    unpinned: Mapping[str, Unpinned] = field(default_factory=dict)
    dismissed: tuple[Sighted, ...] = ()
    many_sites: bool = False


async def take_snapshot(
    target: Target[Any],
    site: Site,
    connection: Connection,
    known: Known,
    collectors: Sequence[Collector],
    *,
    pages: bool,
) -> Snapshot:
    """Observe a site once. A node not reached raises; an endpoint that does not answer is a problem."""
    pins, relations = await asyncio.gather(connection.list_pins(), connection.relations(pages=pages))
    places = {pin: target.locate(site, pin) for pin in pins}
    presented = await probe_places(places.values())
    about = _attribute_all(target, site, known, places, presented)
    findings = await asyncio.gather(
        *(
            _find(
                pin,
                place,
                site,
                known,
                about,
                presented,
                collectors,
                Looks.at(place, connection),
                relations.get(place.relation or ""),
            )
            for pin, place in places.items()
        )
    )
    return Snapshot(
        site=site.name,
        target=site.target,
        observed_at=datetime.now(UTC),
        findings=tuple(findings),
        relations=relations,
        problems=(*_problems(places, presented), *about.unmatched),
    )


Seen = Mapping[tuple["Prober | None", Endpoint], "Presented | RetrustError"]
"""What was seen at each endpoint, by how it was looked at: an SSH server has a key of several types."""


async def probe_places(places: Iterable[Place]) -> Seen:
    """The certificate, or the error, at every endpoint that the pins are about."""
    wanted: dict[Prober | None, dict[Endpoint, None]] = {}
    for place in places:
        if place.endpoint:
            wanted.setdefault(place.prober, {})[place.endpoint] = None
    seen = await asyncio.gather(
        *(
            (prober or tls).probe_many(list(endpoints), limit=PROBES_AT_ONCE, timeout=PROBE_TIMEOUT)
            for prober, endpoints in wanted.items()
        )
    )
    return {
        (prober, endpoint): result
        for prober, results in zip(wanted, seen, strict=True)
        for endpoint, result in results.items()
    }


@dataclass
class _About:
    """Sightings by the edge they name alone, those that several pins share, and those that fit none."""

    naming: dict[str, list[Sighting]] = field(default_factory=dict)
    shared: dict[str, list[Sighting]] = field(default_factory=dict)
    said_by: dict[str, set[str]] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)


def _attribute_all(
    target: Target[Any], site: Site, known: Known, places: Mapping[Pin, Place], presented: Seen
) -> _About:
    candidates = [Candidate(pin, place, certificate(place, presented)) for pin, place in places.items()]
    about = _About()
    for sighting in known.sightings:
        pins = attribute(sighting, candidates, lambda s, pin, place: target.fits(site, s, pin, place))
        live = [pin for pin in pins if _is_since(sighting, known.baselines.get(pin.edge))]
        for pin in live:
            alone = len(pins) == 1 and not sighting.has_cut_name and not (known.many_sites and sighting.site is None)
            into = about.naming if alone or sighting.endpoint else about.shared
            into.setdefault(pin.edge, []).append(sighting)
            about.said_by.setdefault(pin.edge, set()).add(sighting.actor)
        if not pins and sighting.kind == "log" and sighting.site == site.name:
            about.unmatched.append(
                f"a sighting ({sighting.source}) names {sighting.dn}, which no endpoint of this site presents"
            )
    for gone in known.dismissed:
        for pin in attribute(gone, candidates, lambda s, pin, place: target.fits(site, s, pin, place)):
            about.said_by.setdefault(pin.edge, set()).add(gone.dismissed_by or gone.actor)
    return about


def _is_since(sighting: Sighting, baseline: Baseline | None) -> bool:
    return baseline is None or sighting.at is None or sighting.at > baseline.verified_at


def certificate(place: Place, presented: Seen) -> Presented | None:
    seen = presented.get((place.prober, place.endpoint)) if place.endpoint else None
    return seen if isinstance(seen, Presented) else None


async def _find(
    pin: Pin,
    place: Place,
    site: Site,
    known: Known,
    about: _About,
    presented: Seen,
    collectors: Sequence[Collector],
    eyes: Looks,
    relation: Relation | None,
) -> Finding:
    seen = certificate(place, presented)
    facts = Facts(
        pin=pin,
        place=place,
        presented=seen,
        baseline=known.baselines.get(pin.edge),
        naming=tuple(about.naming.get(pin.edge, ())),
        shared=tuple(about.shared.get(pin.edge, ())),
        unpinned=known.unpinned.get(pin.edge),
        include_self=site.include_self,
        relation=relation,
    )
    judged = judge(facts)
    return Finding(
        pin=pin,
        endpoint=place.endpoint,
        presented=seen,
        verdict=judged.verdict,
        reasons=judged.reasons,
        baseline=facts.baseline,
        relation=place.relation,
        sighted=bool(facts.since_unpinned),
        unpinned=facts.is_unpinned,
        rests_on=judged.rests_on,
        said_by=tuple(sorted(about.said_by.get(pin.edge, ()))),
        evidence=await _weigh(facts, judged, site, collectors, eyes),
    )


async def _weigh(facts: Facts, judged: Judgement, site: Site, collectors: Sequence[Collector], eyes: Looks) -> Evidence:
    if facts.presented is None or facts.place.endpoint is None:
        return Evidence()
    edge = Edge(
        pin=facts.pin,
        place=facts.place,
        presented=facts.presented,
        baseline=facts.baseline,
        sightings=tuple(s for s in facts.naming if not s.is_hint),
        ca=site.trust.ca,
    )
    extra: tuple[Collected, ...] = (judged.contradiction,) if judged.contradiction else ()
    return await collect(edge, collectors, eyes, extra)


def _problems(places: Mapping[Pin, Place], presented: Seen) -> list[str]:
    said = []
    for looked, seen in presented.items():
        if isinstance(seen, RetrustError):
            edges = ", ".join(pin.edge for pin, place in places.items() if (place.prober, place.endpoint) == looked)
            said.append(f"{seen} [pinned by {edges}]")
    return said
