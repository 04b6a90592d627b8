"""What events and people said of the new certificate.

Only sightings that are about this one edge get here, and only since its last verification. Whether an
event is authentic was decided where it came in; who may not decide after attesting is the gates' rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from retrust.evidence import Collector, Edge, Eyes
from retrust.models import Answers, Collected, Sighting


class Announced(Collector):
    """An authenticated renewal event named this fingerprint.

    The latest event counts: what was announced before it has been replaced. Another fingerprint is no
    contradiction, since an event may come before its certificate is deployed.
    """

    name = "announced"
    answers = Answers.PEERS_OWN

    async def collect(self, edge: Edge, eyes: Eyes) -> Collected:
        events = [s for s in edge.sightings if s.kind == "renewed" and s.fingerprint]
        if not events:
            return self.nothing("no renewal event names a fingerprint for this pin")
        latest = max(events, key=_when)
        if latest.fingerprint == edge.presented.fingerprint:
            return self.supported(f"{latest.source} announced {latest.fingerprint} at {_at(latest)}")
        return self.nothing(
            f"{latest.source} announced {latest.fingerprint} at {_at(latest)}, "
            f"presented is {edge.presented.fingerprint}"
        )


class Attested(Collector):
    """A person entered the fingerprint, read out of band.

    A person may correct themself, so the latest word of each counts; one person who read another
    fingerprint outweighs all who read this one. Old words are not excused by a certificate that claims to
    be younger: anyone can write a date into a certificate.
    """

    name = "attested"
    answers = Answers.PEERS_OWN

    async def collect(self, edge: Edge, eyes: Eyes) -> Collected:
        ours = edge.presented.fingerprint
        words = _latest_of_each(s for s in edge.sightings if s.kind == "person" and s.fingerprint)
        against = [s for s in words if s.fingerprint != ours]
        if against:
            said = "; ".join(f"{s.actor} read {s.fingerprint} at {_at(s)}" for s in against)
            return self.contradicted(f"{said}; presented is {ours}")
        if not words:
            return self.nothing("nobody entered a fingerprint read out of band")
        said = " and ".join(f"{s.actor} at {_at(s)}" for s in words)
        return self.supported(f"{ours} was read out of band by {said}")


def _latest_of_each(sightings: Iterable[Sighting]) -> list[Sighting]:
    latest: dict[str, Sighting] = {}
    for sighting in sorted(sightings, key=_when):
        latest[sighting.actor] = sighting
    return list(latest.values())


def _when(sighting: Sighting) -> tuple[datetime, datetime]:
    return sighting.at or sighting.received_at, sighting.received_at


def _at(sighting: Sighting) -> str:
    return f"{sighting.at or sighting.received_at:%Y-%m-%d %H:%M}"
