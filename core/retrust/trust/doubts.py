"""Log lines that speak against a pin made anew, where the target shows no relation that could. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from retrust.models import Plan, Sighting, Snapshot
from retrust.trust.verdicts import Candidate, attribute

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.target import Target


def doubted(
    target: Target[Any],
    site: Site,
    plan: Plan,
    after: Snapshot,
    sightings: Iterable[Sighting],
    sent: dict[str, datetime],
) -> Iterator[tuple[str, Sighting]]:
    """Edge and log line: of the deletes without a relation, by when each was ``sent``, what was logged since then."""
    logged = [s for s in sightings if s.kind == "log" and not s.is_hint]
    found = {f.pin.edge: f for f in after.findings}
    for step in plan.steps:
        edge = step.unpins
        if edge is None or step.relation is not None or step.id not in sent or edge not in found:
            continue
        finding = found[edge]
        candidate = Candidate(finding.pin, target.locate(site, finding.pin), finding.presented)
        for sighting in logged:
            if (
                sighting.at is not None
                and sighting.at > sent[step.id]
                and attribute(sighting, [candidate], lambda s, pin, place: target.fits(site, s, pin, place))
            ):
                yield edge, sighting
