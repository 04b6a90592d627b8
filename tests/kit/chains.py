"""A ledger in which much has happened, and what whoever owns the database can do to it."""

from __future__ import annotations

from sqlalchemy import text

from retrust.ledger import Ledger
from retrust.states import State
from retrust.testing.ledgers import SITE, baseline, decision, plan, sighting, snapshot


async def lived(ledger: Ledger) -> str:
    """A ledger in which something of every kind has happened; gives the healed case."""
    await ledger.sight_many([sighting(n, site=site) for n in range(3) for site in (SITE, None)])
    case = (await ledger.open_case(SITE, cause="a log line", actor="person:alice")).id
    [loose] = [s for s in await ledger.sightings() if s.site is None]
    await ledger.assign_sightings([loose.id], site=SITE, actor="service")
    await ledger.record_snapshot(case, snapshot(), when="before", actor="service")
    await ledger.record_plan(case, plan(), actor="service")
    await ledger.move(case, "wait", actor="service", note="people: 1 of 1")
    await ledger.decide(decision(case))
    await ledger.move(case, "approve", actor="service")
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        await ledger.use_digest(case, "d1", actor="service", lease=lease)
        await ledger.move(case, "execute", actor="service", lease=lease)
        for phase in ("started", "sent", "done"):
            await ledger.record_step(case, "d1", "delete-1", phase, "ü", lease=lease, actor="service")
        await ledger.move(case, "verify", actor="service", lease=lease)
        await ledger.set_baselines([baseline("new")], actor="service", case=case, lease=lease)
        await ledger.record_snapshot(case, snapshot(), when="after", actor="service")
        (ledger.home / "transcript.txt").write_text("admin# …", encoding="utf-8")
        await ledger.attach(case, "transcripts/primary.txt", ledger.home / "transcript.txt", actor="service")
        await ledger.move(case, State.HEALED, actor="service", lease=lease)
    await ledger.alarm("contradicted", "x", actor="service", site=SITE)
    await ledger.accept_identity(
        site=SITE, node="primary", kind="host key", fingerprint="SHA256:x", actor="person:a", reason="r"
    )
    return case


async def unguarded(ledger: Ledger, *statements: str) -> None:
    """What somebody does who owns the database: the append-only guard is no obstacle."""
    async with ledger._database.writing() as connection:
        if ledger.dialect == "postgresql":
            await connection.execute(text("ALTER TABLE entries DISABLE TRIGGER ALL"))
        else:
            for verb in ("update", "delete"):
                await connection.execute(text(f"DROP TRIGGER IF EXISTS entries_no_{verb}"))
        for statement in statements:
            await connection.execute(text(statement))
