"""What ``check`` reads, by the shortest way: the same answers as the ledger's own, and nothing made or changed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from retrust.ledger import Ledger, LedgerError, ReadOnlyLedger, read_only
from retrust.testing.ledgers import NOON, SITE, SetClock, baseline, sighting

GLANCE = """
import asyncio, sys
from pathlib import Path
from retrust.ledger import read_only

async def main():
    async with read_only(None, Path(sys.argv[1])) as seen:
        print(len(await seen.baselines("campus")), len(await seen.sightings("campus")))

asyncio.run(main())
heavy = {"sqlalchemy", "alembic", "aiosqlite", "cryptography"} & set(sys.modules)
assert not heavy, heavy
"""


def glanced(home: Path) -> str:
    return subprocess.check_output([sys.executable, "-c", GLANCE, str(home)], text=True)


async def test_a_glance_is_light(tmp_path: Path) -> None:
    """Reading what ``check`` needs imports no database toolkit, of a ledger that is there or not; it makes none."""
    assert glanced(tmp_path) == "0 0\n"
    assert os.listdir(tmp_path) == []
    async with await Ledger.open(None, tmp_path) as ledger:
        await ledger.set_baselines([baseline()], actor="service")
        await ledger.sight(sighting(site=SITE))
        assert glanced(tmp_path) == "1 1\n"
    assert glanced(tmp_path) == "1 1\n"


async def test_a_glance_sees_what_the_ledger_knows(url: str, tmp_path: Path, clock: SetClock) -> None:
    """The short way and the long way give the same answers."""
    async with await Ledger.open(url, tmp_path, clock=clock) as ledger, read_only(url, tmp_path) as seen:
        await ledger.set_baselines([baseline()], actor="service")
        await ledger.sight_many([sighting(), sighting(site=None), sighting(site="elsewhere")])
        await ledger.accept_identity(
            site=SITE, node="primary", kind="host key", fingerprint="SHA256:x", actor="person:alice", reason="r"
        )
        wrong = next(s for s in await ledger.sightings() if s.site == SITE)
        await ledger.dismiss(wrong.id, actor="person:ann", reason="r")
        assert [s.dismissed_by for s in await ledger.dismissed(SITE)] == ["person:ann"]
        for site in (SITE, "elsewhere"):
            assert await seen.baselines(site) == await ledger.baselines(site)
            assert await seen.sightings(site) == await ledger.sightings(site)
            assert await seen.accepted_identities(site) == await ledger.accepted_identities(site)
            assert await seen.dismissed(site) == await ledger.dismissed(site)
            assert await seen.healed_count(site, "primary:a_1", 30) == 0
        assert await seen.sightings(None, NOON) == await ledger.sightings(None, NOON)


@pytest.mark.parametrize("url", [None, "sqlite:///{}/ledger.db", "sqlite+aiosqlite:///{}/ledger.db"])
async def test_a_file_is_read_by_the_short_way(tmp_path: Path, url: str | None) -> None:
    """However the inventory names it; it cannot be written to on that way."""
    await (await Ledger.open(None, tmp_path)).close()
    async with read_only(url and url.format(tmp_path), tmp_path) as seen:
        assert isinstance(seen, ReadOnlyLedger)
        with pytest.raises(LedgerError, match="readonly"):
            seen._rows("DELETE FROM head")


@pytest.mark.parametrize("found", ["an older schema", "an empty file", "options in the address"])
async def test_anything_else_is_opened_as_usual(tmp_path: Path, found: str) -> None:
    """What the short way cannot read, the ledger itself migrates or opens."""
    url, file = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "ledger.db"
    if found == "an empty file":
        file.touch()
    else:
        await (await Ledger.open(url, tmp_path)).close()
    if found == "an older schema":
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("DELETE FROM ledger_version")
            for table in [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]:
                database.execute(f"DROP TABLE {table}")
    async with read_only(f"{url}?timeout=9" if found == "options in the address" else url, tmp_path) as seen:
        assert isinstance(seen, Ledger)
        assert await seen.baselines(SITE) == {}


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It is named, as the ledger's other errors are."""
    (tmp_path / "ledger.db").write_bytes(b"no database at all" * 99)
    with pytest.raises(LedgerError, match="file is not a database"):
        async with read_only(None, tmp_path):
            pytest.fail("read what is no ledger")


async def test_of_no_ledger_nothing_is_known(tmp_path: Path) -> None:
    """Each question has the answer of somebody who was never told anything."""
    async with read_only(None, tmp_path) as seen:
        assert [await seen.baselines(SITE), await seen.unpinned(SITE)] == [{}, {}]
        assert [await seen.sightings(), await seen.dismissed(SITE), await seen.accepted_identities(SITE)] == [
            [],
            [],
            [],
        ]
        assert [await seen.healed_count(SITE, "primary:a_1", 30), await seen.last_look(SITE)] == [0, None]
