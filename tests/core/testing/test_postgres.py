"""The PostgreSQL of tests: databases apart from one another, and an outage that can be played."""

from __future__ import annotations

import signal
import stat
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from retrust.testing.postgres import Server, ledger_section, requires_postgres

MAKE = "CREATE TABLE kept AS SELECT 1 AS n"
COUNT = "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'"


@pytest.fixture
def server() -> Server:
    return requires_postgres()


async def _asked(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_each_postgresql_database_is_empty_unless_it_is_a_copy(server: Server) -> None:
    """A copy has what the other one had, and what happens to it stays with it."""
    first = server.database()
    await _asked(first, MAKE)
    assert await _asked(server.database(), COUNT) == 0
    copy = server.database(like=first)
    await _asked(copy, "DROP TABLE kept")
    assert await _asked(first, COUNT) == 1


async def test_a_crashed_postgresql_comes_back_with_what_was_committed(server: Server) -> None:
    """At the same address; between, nobody answers there."""
    url = server.database()
    await _asked(url, MAKE)
    server.stop(signal.SIGQUIT)
    try:
        with pytest.raises(OSError):  # noqa: PT011 - however the system words a refused connection
            await _asked(url, COUNT)
    finally:
        server.start()
    assert await _asked(url, COUNT) == 1


async def test_postgresql_wants_its_password(server: Server) -> None:
    """So that a test of a wrong one means something."""
    url = server.database()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await _asked(url.replace("@", "-wrong@"), COUNT)


def test_an_inventorys_section_names_the_password_by_a_file_of_its_owner(tmp_path: Path) -> None:
    """The URL has none."""
    section = ledger_section("postgresql://retrust:s3cret@127.0.0.1:5/test_1", tmp_path)
    assert section["url"] == "postgresql://retrust@127.0.0.1:5/test_1"
    file = Path(section["password"].removeprefix("file:"))
    assert file.read_text() == "s3cret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
