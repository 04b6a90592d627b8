"""Brings a ledger's schema up to this version, and refuses one that is newer.

Runs whenever a ledger is opened. A current one costs one read; Alembic is imported only where there is
something to do. Two processes that open a new ledger at once: one migrates, the other waits for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from retrust.ledger.database import Database
from retrust.ledger.errors import NewerSchema
from retrust.ledger.queries import SCHEMA, SCHEMA_VERSION

if TYPE_CHECKING:
    from alembic.config import Config  # heavy, as above

VERSION_TABLE = "ledger_version"
MIGRATIONS = Path(__file__).parent / "migrations"

_UPGRADE_LOCK = 0x5265547275737400  # an advisory lock's number: "ReTrust"


async def bring_up_to_date(database: Database) -> None:
    async with database.reading() as connection:
        if await connection.run_sync(_version) == SCHEMA:
            return
    async with database.writing() as connection:
        await _alone(connection, database.dialect)
        await connection.run_sync(_upgrade, database.where)


async def _alone(connection: AsyncConnection, dialect: str) -> None:
    if dialect == "postgresql":  # SQLite's BEGIN IMMEDIATE has done it already
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(text(SCHEMA_VERSION))
    return found


def _upgrade(connection: Connection, where: str) -> None:
    found = _version(connection)
    if found == SCHEMA:
        return
    import alembic.command  # heavy, and only a schema that changes needs it
    import alembic.script  # with it

    config = migrations()
    known = {script.revision for script in alembic.script.ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise NewerSchema(where, found, SCHEMA)
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")


def migrations() -> Config:
    """Alembic's configuration for the packaged migrations; there is no ini file."""
    from alembic.config import Config  # heavy, as above

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
