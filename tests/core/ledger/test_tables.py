"""The tables: one record, what is derived from it, and what the database itself refuses."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from retrust.ledger import Ledger, LedgerError
from retrust.ledger import tables as t
from retrust.states import OPEN_STATES, State
from retrust.testing.ledgers import SITE

AT = "2024-05-01T12:00:00.000000Z"
CASE = {"opened_at": AT, "updated_at": AT, "cause": "x", "requested_by": "x", "planners": "[]", "note": ""}


def test_every_table_is_the_record_or_derived() -> None:
    """A table in neither would be checked by nobody; where sources go on is no part of what happened."""
    assert set(t.metadata.tables.values()) == {t.entries, t.head, t.positions, *t.DERIVED}
    assert {(table.name, column.name) for table in t.DERIVED for column in table.columns} >= t.VOLATILE


def test_every_derived_table_has_a_key() -> None:
    """Replay walks both sides in its order."""
    assert not [table.name for table in t.DERIVED if not table.primary_key.columns]


@pytest.mark.parametrize("state", State)
async def test_the_database_keeps_one_open_case_a_site(ledger: Ledger, state: State) -> None:
    """Whatever the code does: a second one that is not over is refused, of another site it is not."""

    async def put(seq: int, site: str) -> None:
        row = CASE | {"id": f"c{seq}", "seq": seq, "site": site, "state": state.value}
        async with ledger._database.writing() as connection:
            await connection.execute(insert(t.cases).values(**row))

    await put(1, SITE)
    await put(2, "elsewhere")
    if state in OPEN_STATES:
        with pytest.raises(LedgerError, match=r"(?i)unique"):
            await put(3, SITE)
    else:
        await put(3, SITE)
