"""Looking without touching: what ``check``, ``plan`` and ``impact`` do. Sessions are read-only throughout."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from retrust.approval.acceptance import accepted
from retrust.engine.engine import Engine
from retrust.models import Finding, Grade, Sighting, Snapshot, Verdict
from retrust.target import Connection
from retrust.trust.observation import Known, take_snapshot

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.ledger import Knowledge

OK, FAILED, PERSON_NEEDED, REFUSED = 0, 1, 3, 4


@asynccontextmanager
async def reach(engine: Engine, site: Site, knowledge: Knowledge) -> AsyncIterator[Connection]:
    """Read-only sessions to every holder of a site."""
    identities = accepted(await knowledge.accepted_identities(site.name))
    services = engine.services(read_only=True, identities=identities)
    async with engine.target(site).connect(site, services) as connection:
        yield connection


async def look(engine: Engine, site: Site, knowledge: Knowledge, *, pages: bool) -> Snapshot:
    """One snapshot of one site, through read-only sessions."""
    async with reach(engine, site, knowledge) as connection:
        return await look_through(connection, engine, site, knowledge, pages=pages)


async def look_through(
    connection: Connection, engine: Engine, site: Site, knowledge: Knowledge, *, pages: bool
) -> Snapshot:
    """One snapshot through sessions that are open already."""
    known = await known_of(engine, site, knowledge, await knowledge.sightings(site.name))
    return await take_snapshot(engine.target(site), site, connection, known, engine.collectors, pages=pages)


async def known_of(engine: Engine, site: Site, knowledge: Knowledge, sightings: Iterable[Sighting]) -> Known:
    """What the ledger knows of a site before a look, with these sightings."""
    return Known(
        await knowledge.baselines(site.name),
        tuple(sightings),
        await knowledge.unpinned(site.name),
        tuple(await knowledge.dismissed(site.name)),
        many_sites=len(engine.inventory.sites) > 1,
    )


def says_something_new(snapshot: Snapshot, last: Snapshot | None) -> bool:
    """Whether it differs in what a picture of the site shows; a nightly check of a quiet site adds nothing."""
    return last is None or _shown(snapshot) != _shown(last)


def _shown(snapshot: Snapshot) -> object:
    pins = {
        f.pin.edge: (f.pin.subject, f.verdict, f.evidence.grade, f.presented and f.presented.fingerprint)
        for f in snapshot.findings
    }
    return pins, snapshot.relations, snapshot.problems


def exit_code(snapshot: Snapshot) -> int:
    """``check``'s answer in one number: refused outweighs failed, failed outweighs a person's need."""
    if any(f.evidence.grade is Grade.CONTRADICTED for f in snapshot.findings):
        return REFUSED
    if any(f.presented is None and f.endpoint is not None for f in snapshot.findings):
        return FAILED
    if any(asks_somebody(f, snapshot) for f in snapshot.findings) or any(
        r is not None and r.healthy is not True for r in snapshot.relations.values()
    ):
        return PERSON_NEEDED
    return OK


def asks_somebody(finding: Finding, snapshot: Snapshot) -> bool:
    """Whether a person has something to do about this pin; the rest are notes."""
    return needs_a_person(finding) and not _is_a_note(finding, snapshot)


def _is_a_note(finding: Finding, snapshot: Snapshot) -> bool:
    """An unproven pin whose relation is healthy, or which nobody reported and the target has no word for what
    depends on it.
    """
    if finding.verdict is not Verdict.UNPROVEN or finding.relation is None:
        return False
    if finding.relation not in snapshot.relations:
        return not finding.sighted
    relation = snapshot.relations[finding.relation]
    return relation is not None and relation.healthy is True


def needs_a_person(finding: Finding) -> bool:
    return finding.verdict in (Verdict.STALE, Verdict.UNPROVEN)
