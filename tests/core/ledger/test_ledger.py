"""Opening the ledger: where it is, what is made for it, and what is left behind when it is closed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retrust.ledger import Ledger, LedgerError
from retrust.testing.ledgers import NOON, SetClock, noticed


async def test_without_an_address_it_is_a_file_in_the_home(tmp_path: Path) -> None:
    """The home is made, with the folders above it; closed, the file is whole by itself."""
    home = tmp_path / "a" / "b"
    async with await Ledger.open(None, home) as ledger:
        await ledger.append(noticed(), actor="x")
        assert ledger.where.endswith("/a/b/ledger.db")
    assert sorted(os.listdir(home)) == ["ledger.anchors", "ledger.db", "ledger.key"]


async def test_opening_alone_writes_no_entry_and_makes_no_key(url: str, tmp_path: Path) -> None:
    """Whoever only reads signs nothing."""
    async with await Ledger.open(url, tmp_path) as ledger:
        assert (await ledger.head()).seq == 0
        assert await ledger.entries() == []
    assert "ledger.key" not in os.listdir(tmp_path)


async def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    """It is named, with what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match=r"RETRUST_HOME cannot be made: .* \(name a folder that you may write"):
        await Ledger.open(None, tmp_path / "file" / "home")


async def test_the_time_of_an_entry(url: str, tmp_path: Path) -> None:
    """It is the clock's that was given, else the database server's."""
    async with await Ledger.open(url, tmp_path, clock=SetClock()) as ledger:
        assert (await ledger.append(noticed(), actor="x")).at == NOON
    async with await Ledger.open(url, tmp_path) as ledger:
        before = datetime.now(UTC)
        entry = await ledger.append(noticed(), actor="x")
        assert before <= entry.at <= datetime.now(UTC)


async def test_what_was_written_is_there_when_it_is_opened_again(url: str, tmp_path: Path) -> None:
    """The chain goes on where it ended."""
    async with await Ledger.open(url, tmp_path) as ledger:
        first = await ledger.append(noticed(1), actor="x")
    async with await Ledger.open(url, tmp_path) as ledger:
        second = await ledger.append(noticed(2), actor="x")
        assert (await ledger.entries())[1:] == [first, second]
        assert second.prev_hash == first.hash
