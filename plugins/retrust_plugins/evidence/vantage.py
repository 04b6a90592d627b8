"""Whether this machine sees one certificate several times over: the precondition of all other evidence."""

from __future__ import annotations

import asyncio

from retrust.evidence import Collector, Edge, Eyes
from retrust.models import Answers, Collected, Presented

LOOKS = 3
"""Beside the one look that the snapshot took; enough to meet both of two servers behind one address."""


class Vantage(Collector):
    """An endpoint whose probes differ flaps, whatever else is said of it."""

    name = "vantage"
    answers = Answers.PRECONDITION

    async def collect(self, edge: Edge, eyes: Eyes) -> Collected:
        endpoint = edge.place.endpoint
        assert endpoint is not None, "only pins that name an endpoint are asked about"
        looks = await asyncio.gather(*(eyes.from_here(endpoint) for _ in range(LOOKS)), return_exceptions=True)
        # A look that failed must not hide the others: they may have shown two certificates.
        seen = [edge.presented, *(look for look in looks if isinstance(look, Presented))]
        fingerprints = list(dict.fromkeys(look.fingerprint for look in seen))
        if len(fingerprints) > 1:
            return self.contradicted(
                f"{endpoint} flaps: it presented {' and '.join(fingerprints)} in {len(seen)} looks from this machine"
            )
        if failed := [look for look in looks if isinstance(look, BaseException)]:
            return self.nothing(
                f"{endpoint} answered {len(seen)} of {LOOKS + 1} looks from this machine: "
                f"{str(failed[0]) or type(failed[0]).__name__}"
            )
        return self.supported(f"{endpoint} presented {fingerprints[0]} to this machine in {len(seen)} looks")
