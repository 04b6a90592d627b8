from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from retrust.ledger import Ledger, NewerSchema, read_only
from retrust.ledger import read_only as _read_only_function
from retrust.ledger.schema import VERSION_TABLE, migrations
from retrust.ledger.tables import SCHEMA, metadata
from retrust.testing.ledgers import SITE, baseline, noticed, sighting


def test_the_schema_is_the_newest_migration() -> None:
    """The number that spares Alembic's import is the number of its newest migration, everywhere it stands."""
    glance_module = sys.modules[_read_only_function.__module__]
    assert ScriptDirectory.from_config(migrations()).get_current_head() == SCHEMA == glance_module.SCHEMA


async def test_migrations_make_the_tables(ledger: Ledger) -> None:
    """What the migrations made is what the code believes to be there, on both databases."""

    def differences(connection: Connection) -> list[object]:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with ledger.still() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_newer_schema_is_refused(url: str, tmp_path: Path) -> None:
    """An older Retrust touches nothing of a newer one's ledger, and says which is which."""
    async with await Ledger.open(url, tmp_path) as ledger, ledger._database.writing() as connection:
        await connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(NewerSchema, match=f"schema is 9999, this Retrust knows {SCHEMA} and older"):
        await Ledger.open(url, tmp_path)
    with pytest.raises(NewerSchema):
        async with read_only(url, tmp_path):
            pytest.fail("read a newer ledger")


async def test_opened_by_many_at_once(url: str, tmp_path: Path) -> None:
    """One migrates and makes the key, the others wait for it."""
    opened = await asyncio.gather(*(Ledger.open(url, tmp_path) for _ in range(6)))
    for number, ledger in enumerate(opened):
        await ledger.append(noticed(number), actor="x")
        await ledger.close()
    assert len([name for name in os.listdir(tmp_path) if "ledger.key" in name]) == 1


async def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    """Mode 600, whatever the umask."""
    before = os.umask(0)
    try:
        async with await Ledger.open(None, tmp_path / "home") as ledger:
            await ledger.append(noticed(), actor="x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "home" / "ledger.key").stat().st_mode) == 0o600


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


def test_opening_a_current_ledger_imports_no_alembic(tmp_path: Path) -> None:
    """Only a schema that has to change pays for the tool that changes it."""
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom retrust.ledger import Ledger\n"
        "async def main():\n    await (await Ledger.open(None, Path(sys.argv[1]))).close()\n"
        "asyncio.run(main())\nprint('alembic' in sys.modules)"
    )
    opened = [sys.executable, "-c", code, str(tmp_path)]
    assert [subprocess.check_output(opened, text=True) for _ in range(2)] == ["True\n", "False\n"]
