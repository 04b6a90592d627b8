"""The migrations make the tables that the code knows, from nothing and from any older schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from retrust.ledger import Ledger, LedgerError
from retrust.ledger.database import Database, ledger_url
from retrust.ledger.queries import SCHEMA
from retrust.ledger.schema import VERSION_TABLE, bring_up_to_date, migrations
from retrust.ledger.tables import metadata
from retrust.testing.ledgers import noticed

AT = "2024-05-01T12:00:00.000000Z"
SIGHTED = (
    "INSERT INTO sightings (aggregate, case_id, kind, count, first_at, last_at, received_at, source, actor, text)"
    f" VALUES ('{{source}}', '', 'log', 1, '{AT}', '{AT}', '{AT}', '{{source}}', 'service', 'x')"
)
BASELINE = f"INSERT INTO baselines VALUES ('campus', 'primary', 'a_1', 'SHA256:x', 'SHA256:y', 'CN=x', '{AT}')"
SOURCES = {
    "hm-0-0.log": "authenticated",
    "the syslog archive": "authenticated",
    "syslog 10.0.0.9": "hint",
    "Prefect event of somebody": "hint",
}


def the_first_schema(connection: Connection) -> None:
    config = migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


async def test_an_older_schema_is_brought_up_to_date(url: str, tmp_path: Path) -> None:
    """What the first schema held is kept, with what it says by today's rules: who was heard, and how well known."""
    database = Database(ledger_url(url, tmp_path), patience=10)
    async with database.writing() as connection:
        await connection.run_sync(the_first_schema)
        for statement in (*(SIGHTED.format(source=source) for source in SOURCES), BASELINE):
            await connection.execute(text(statement))
    await bring_up_to_date(database)
    async with database.writing() as connection:
        levels = await connection.execute(text("SELECT source, level FROM sightings"))
        assert {row.source: row.level for row in levels} == SOURCES
        assert (await connection.execute(text("SELECT fingerprint, grade FROM baselines"))).one() == (
            "SHA256:x",
            "none",
        )
        await connection.execute(text("UPDATE sightings SET first_at = NULL, last_at = NULL"))
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


def differences(connection: Connection) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_the_schema_is_the_newest_migration() -> None:
    """The number that spares Alembic's import is the number of its newest migration; each follows one other."""
    scripts = ScriptDirectory.from_config(migrations())
    assert scripts.get_current_head() == SCHEMA
    assert [script.revision for script in scripts.walk_revisions()] == ["0004", "0003", "0002", "0001"]


async def test_migrations_make_the_tables(ledger: Ledger) -> None:
    """What the migrations made is what the code believes to be there, on both databases."""
    async with ledger.still() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_database_refuses_changes(ledger: Ledger) -> None:
    """Entries take neither an update nor a delete from whoever uses the database's own front door."""
    await ledger.append(noticed(), actor="x")
    for statement in ("UPDATE entries SET actor = 'y'", "DELETE FROM entries"):
        with pytest.raises(LedgerError, match="append-only"):
            async with ledger._database.writing() as connection:
                await connection.execute(text(statement))
