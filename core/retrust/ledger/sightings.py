"""The book of trust: sightings and their exact counts, baselines, accepted identities, recurrence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import select, text

from retrust.errors import UsageError
from retrust.ledger import queries
from retrust.ledger import tables as t
from retrust.ledger.canonical import canonical, written_time
from retrust.ledger.cases import moved, open_row
from retrust.ledger.entries import (
    BaselinesSet,
    IdentityAccepted,
    SightedRow,
    SightingAssigned,
    SightingDismissed,
    SightingsKept,
)
from retrust.ledger.entry import Entry
from retrust.ledger.journal import Journal
from retrust.ledger.leases import Lease, fence
from retrust.ledger.positions import SELECT, keep, of_home
from retrust.ledger.records import A_LOOK, AcceptedIdentity, Case, Sighted
from retrust.ledger.undisturbed import undisturbed
from retrust.ledger.writing import Row, Writing
from retrust.models import Baseline, Sighting, Unpinned, edge_of
from retrust.states import Event, State

BATCH = 500
TEXT_LIMIT = 2000
SAME = ("kind", "site", "holder", "key", "host", "port", "dn", "role", "fingerprint", "actor", "level")
"""What two sightings must have in common to be counted as one."""
HINTS = 500
"""How many different hints are kept of a site; further ones are counted in one row that says nothing else."""


class Sightings(Journal):
    async def sight(self, sighting: Sighting, *, run: str | None = None) -> None:
        await self.sight_many([sighting], run=run)

    @undisturbed
    async def sight_many(
        self,
        sightings: Iterable[Sighting],
        *,
        run: str | None = None,
        positions: Mapping[tuple[str, str], str] = MappingProxyType({}),
    ) -> None:
        """Keep a batch, all or nothing; those that say the same become one row, exactly counted.

        ``positions``, by kind of source and its key, say where sources go on after it; they are kept with it.
        """
        by_site: dict[str | None, list[SightedRow]] = {}
        events: dict[str | None, set[str]] = {}

        def noted() -> Iterator[Sighting]:
            for sighting in sightings:
                if sighting.event is not None:
                    events.setdefault(sighting.site, set()).add(sighting.event)
                yield sighting

        for row in aggregated(noted()):
            by_site.setdefault(row.site, []).append(row)
        if not by_site and not positions:
            return
        async with self.write() as writing:
            await keep(writing, self.home, positions)
            for site, rows in by_site.items():
                await self._sight_site(writing, site, rows, sorted(events.get(site, ())), run)

    async def position(self, source: str, key: str) -> str | None:
        """Where this home's source of that kind goes on."""
        rows = await self._rows(SELECT, **of_home(self.home, source, key))
        return str(rows[0]["value"]) if rows else None

    async def _sight_site(
        self, writing: Writing, site: str | None, rows: Sequence[SightedRow], events: Sequence[str], run: str | None
    ) -> None:
        case = await open_row(writing, site) if site else None
        for start in range(0, len(rows), BATCH):
            part = await _bounded(writing, site, case, rows[start : start + BATCH])
            actors = sorted({row.actor for row in part})
            told = SightingsKept(sightings=tuple(part), events=tuple(events if start == 0 else ()))
            await writing.append(
                told,
                run=run,
                site=site,
                case=case["id"] if case else None,
                actor=actors[0] if len(actors) == 1 else "service",
            )

    @undisturbed
    async def assign_sightings(self, sightings: Sequence[str], *, site: str, actor: str) -> None:
        """Say which site sightings are about that named none; their counts join there. All of them or none."""
        async with self.write() as writing:
            case = await open_row(writing, site)
            for start in range(0, len(sightings), BATCH):
                part = tuple(sightings[start : start + BATCH])
                rows = await _bounded(writing, site, case, await _now_of(writing, site, part))
                await writing.append(
                    SightingAssigned(aggregates=part, sightings=tuple(rows)),
                    actor=actor,
                    case=case["id"] if case else None,
                    site=site,
                )

    @undisturbed
    async def dismiss(self, sighting: str, *, actor: str, reason: str) -> Case | None:
        """A sighting was wrong; the open case that rests on dismissed ones alone ends, and is returned.

        ``sighting`` is its id or the beginning of it.
        """
        found = [s for s in await self.sightings() if s.id.startswith(sighting)]
        if len({s.id for s in found}) != 1:
            raise UsageError(
                f"no sighting {sighting} is in force" if not found else f"{sighting} fits several sightings",
                hint="`retrust show CASE` and `retrust check` name them",
            )
        seen, cases = found[-1], tuple(sorted({s.case or "" for s in found}))
        said = f"{seen.count}× {seen.dn or seen.kind} of {seen.source}"
        async with self.write() as writing:
            case = await open_row(writing, seen.site) if seen.site else None
            case_id = case["id"] if case and case["id"] in cases else None
            await writing.append(
                SightingDismissed(aggregate=seen.id, cases=cases, said=said, reason=reason),
                actor=actor,
                case=case_id,
                site=seen.site,
            )
            if case is None or case_id is None or not await _rests_on_dismissed(writing, case):
                return None
            return await moved(writing, case, Event.CANCEL, actor=actor, note=f"dismissed: {reason}")

    async def sightings(self, site: str | None = None, since: datetime | None = None) -> list[Sighted]:
        """What no healed case has dealt with; of a site: its own and the unassigned."""
        query = queries.SIGHTINGS_OF_ALL if site is None else queries.SIGHTINGS_OF_SITE
        values = {"since": written_time(since) if since else ""} | ({"site": site} if site is not None else {})
        return [queries.sighted(row) for row in await self._rows(text(query), **values)]

    async def loose(self) -> list[Sighted]:
        """What names no site yet."""
        return [queries.sighted(row) for row in await self._rows(text(queries.LOOSE), since="")]

    async def dismissed(self, site: str) -> list[Sighted]:
        """What people said was wrong, and no healed case has dealt with: who said so has a hand in what follows."""
        return [queries.sighted(row) for row in await self._rows(text(queries.DISMISSED), site=site, since="")]

    async def sightings_of(self, *cases: str) -> list[Sighted]:
        """The sightings that these cases are about, also of those that are over."""
        query = select(t.sightings).where(t.sightings.c.case_id.in_(cases)).order_by(t.sightings.c.last_at)
        return [queries.sighted(row) for row in await self._rows(query)]

    @undisturbed
    async def set_baselines(
        self,
        baselines: Iterable[Baseline],
        *,
        actor: str,
        run: str | None = None,
        case: str | None = None,
        lease: Lease | None = None,
    ) -> None:
        """Keep the certificates that were verified; one entry a site, none for what is known already."""
        by_site: dict[str, list[Baseline]] = {}
        for baseline in baselines:
            by_site.setdefault(baseline.site, []).append(baseline)
        if not by_site:
            return
        async with self.write() as writing:
            await fence(writing, lease)
            for site, of_site in by_site.items():
                await writing.append(BaselinesSet(baselines=tuple(of_site)), actor=actor, run=run, case=case, site=site)

    async def baselines(self, site: str) -> dict[str, Baseline]:
        """By edge, ``holder:key``."""
        rows = await self._rows(text(queries.BASELINES), site=site)
        return {edge_of(row["holder"], row["key"]): queries.baseline(row) for row in rows}

    async def unpinned(self, site: str) -> dict[str, Unpinned]:
        """By edge: the deletes that the site's open case has sent."""
        return queries.unpinned(await self._rows(text(queries.UNPINNED), site=site))

    @undisturbed
    async def healed_count(self, site: str, edge: str, days: float) -> int:
        """How many cases healed this edge in the last ``days``."""
        async with self._database.reading() as connection:
            since = written_time(await self._now(connection) - timedelta(days=days))
            found: int = (
                await connection.execute(text(queries.HEALS), {"site": site, "edge": edge, "since": since})
            ).scalar_one()
            return found

    @undisturbed
    async def accept_identity(
        self,
        *,
        site: str,
        node: str,
        kind: str,
        fingerprint: str,
        actor: str,
        reason: str,
        case: str | None = None,
        run: str | None = None,
    ) -> Entry:
        """A person takes a changed host key or web certificate for the node's own; the last word counts."""
        told = IdentityAccepted(node=node, kind=kind, fingerprint=fingerprint, reason=reason)
        async with self.write() as writing:
            return await writing.append(told, actor=actor, run=run, case=case, site=site)

    async def accepted_identities(self, site: str) -> list[AcceptedIdentity]:
        return [queries.identity(row) for row in await self._rows(text(queries.IDENTITIES), site=site)]


async def _rests_on_dismissed(writing: Writing, case: Row) -> bool:
    """Sightings caused the case, all of them are dismissed, and nothing was sent yet: a run is ended by ``cancel``."""
    if case["cause"] == A_LOOK or State(case["state"]) in (State.EXECUTING, State.VERIFYING):
        return False
    of_case = t.sightings.c.case_id == case["id"], t.sightings.c.dismissed.is_(None)
    return await writing.row(select(t.sightings.c.aggregate).where(*of_case).limit(1)) is None


async def _now_of(writing: Writing, site: str, sightings: Sequence[str]) -> list[SightedRow]:
    """The rows of loose sightings as they are once they are the site's."""
    have = t.sightings.c
    query = select(t.sightings).where(have.aggregate.in_(sightings), have.site.is_(None), have.case_id == "")
    found = await writing.rows(query)
    if missing := set(sightings) - {row["aggregate"] for row in found}:
        raise UsageError(f"no sighting {min(missing)} without a site")
    told = [{name: row[name] for name in SightedRow.model_fields} | {"site": site} for row in found]
    return [SightedRow(**row | {"aggregate": aggregate(row)}) for row in told]


async def _bounded(
    writing: Writing, site: str | None, case: Row | None, rows: Sequence[SightedRow]
) -> list[SightedRow]:
    """The rows; hints beyond those that are kept are one row without a name or a time, so that they only count."""
    hints = [row for row in rows if row.level == "hint"]
    if not hints:
        return list(rows)
    have = t.sightings.c
    query = select(have.aggregate).where(
        have.site == site if site else have.site.is_(None),
        have.level == "hint",
        have.case_id.in_({"", case["id"] if case else ""}),
    )
    known = {row["aggregate"] for row in await writing.rows(query)}
    room = max(0, HINTS - len(known))
    new = [row for row in hints if row.aggregate not in known]
    over = {row.aggregate for row in new[room:]}
    if not over:
        return list(rows)
    last = new[-1]
    nobody = dict.fromkeys(SAME) | {"kind": "log", "site": site, "actor": last.actor, "level": "hint"}
    rest = SightedRow(
        aggregate=aggregate(nobody),
        **nobody,
        count=sum(row.count for row in new[room:]),
        first_at=None,
        last_at=None,
        received_at=last.received_at,
        source=last.source,
        text=f"further hints, beyond {HINTS} different ones",
    )
    return [row for row in rows if row.aggregate not in over] + [rest]


def aggregated(sightings: Iterable[Sighting]) -> list[SightedRow]:
    """One row for all that say the same, in the order in which they first came."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for seen in sightings:
        host, port = (seen.endpoint.host, seen.endpoint.port) if seen.endpoint else (None, None)
        same = (
            seen.kind,
            seen.site,
            seen.holder,
            seen.key,
            host,
            port,
            seen.dn,
            seen.role,
            seen.fingerprint,
            seen.actor,
            seen.level,
        )
        row = rows.setdefault(same, {"count": 0, "first_at": seen.at, "last_at": seen.at})
        times = [at for at in (row["first_at"], row["last_at"], seen.at) if at is not None]
        row |= {
            "count": row["count"] + seen.count,
            "first_at": min(times, default=None),
            "last_at": max(times, default=None),
            "received_at": seen.received_at,
            "source": seen.source,
            "text": seen.text if len(seen.text) <= TEXT_LIMIT else seen.text[:TEXT_LIMIT] + "…",
        }
    named = ((dict(zip(SAME, same, strict=True)), row) for same, row in rows.items())
    return [SightedRow(aggregate=aggregate(same), **same, **row) for same, row in named]


def aggregate(row: dict[str, Any]) -> str:
    """The id of all sightings that say the same. Those of before had no level, and are not renamed."""
    names = SAME if row["level"] == "hint" else SAME[:-1]
    return hashlib.sha256(canonical([row[name] for name in names]).encode("ascii")).hexdigest()[:32]
