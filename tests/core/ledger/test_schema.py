from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from retrust.ledger import Ledger, NewerSchema, read_only
from retrust.ledger.queries import SCHEMA
from retrust.ledger.schema import VERSION_TABLE
from retrust.testing.ledgers import noticed


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


def test_opening_a_current_ledger_imports_no_alembic(tmp_path: Path) -> None:
    """Only a schema that has to change pays for the tool that changes it."""
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom retrust.ledger import Ledger\n"
        "async def main():\n    await (await Ledger.open(None, Path(sys.argv[1]))).close()\n"
        "asyncio.run(main())\nprint('alembic' in sys.modules)"
    )
    opened = [sys.executable, "-c", code, str(tmp_path)]
    assert [subprocess.check_output(opened, text=True) for _ in range(2)] == ["True\n", "False\n"]
