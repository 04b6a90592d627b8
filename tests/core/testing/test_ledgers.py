"""The ledgers of tests are empty, apart from one another, and of the schema that Retrust makes."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, inspect

from retrust.ledger import Ledger
from retrust.testing.ledgers import (
    NOON,
    SITE,
    SetClock,
    an_entry,
    database_url,
    decision,
    migrated_url,
    noticed,
    plan,
    snapshot,
)


async def test_each_ledger_is_empty_and_its_own(tmp_path: Path) -> None:
    """Though the schema is copied, nothing of one test's ledger is in another's."""
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
        async with await Ledger.open(migrated_url("sqlite", home), home) as ledger:
            assert await ledger.entries() == []
            await ledger.append(noticed(), actor="service")


def test_an_empty_database_has_no_table_and_a_migrated_one_has(tmp_path: Path) -> None:
    """The one is for tests of migrating, the other for all that stand on the schema."""
    assert inspect(create_engine(database_url("sqlite", tmp_path))).get_table_names() == []
    assert "entries" in inspect(create_engine(migrated_url("sqlite", tmp_path))).get_table_names()


def test_a_clock_moves_only_by_hand() -> None:
    """By as much as it is told."""
    clock = SetClock()
    assert clock() == clock() == NOON
    clock.forward(hours=1, seconds=1)
    assert (clock() - NOON).total_seconds() == 3601


async def test_the_examples_fit_together(tmp_path: Path) -> None:
    """A case can be planned and decided with them, as the ledger's own checks say."""
    async with await Ledger.open(migrated_url("sqlite", tmp_path), tmp_path) as ledger:
        case = (await ledger.open_case(SITE, cause="a log line", actor="service")).id
        await ledger.record_snapshot(case, snapshot(), when="before", actor="service")
        await ledger.record_plan(case, plan(), actor="service")
        await ledger.move(case, "wait", actor="service")
        await ledger.decide(decision(case))
        kept = await ledger.plan("d1", case=case)
        assert kept is not None
        assert kept.steps == plan().steps
        assert [d.gate for d in await ledger.decisions(case)] == ["people"]


def test_an_entry_can_be_had_without_a_ledger() -> None:
    """With its kind and text, as it is read; what a test says of it counts."""
    entry = an_entry(noticed("here"), seq=7)
    assert (entry.seq, entry.kind) == (7, "notice")
    assert entry.body == noticed("here")
