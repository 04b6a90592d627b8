from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kit.chains import lived, unguarded
from retrust.audit import verify_chain
from retrust.errors import RetrustError
from retrust.ledger import Ledger
from retrust.ledger.tables import DERIVED, metadata
from retrust.testing.ledgers import noticed


async def test_a_whole_chain_verifies(ledger: Ledger) -> None:
    """Of an empty ledger, and of one in which everything happened; every table had something to compare."""
    assert (await verify_chain(ledger)).ok
    await lived(ledger)
    report = await verify_chain(ledger)
    assert report.ok, report
    assert (report.entries, report.head) == ((await ledger.head()).seq, await ledger.head())
    assert str(report) == f"{report.entries} entries, the chain is whole; it ends with {report.head.hash}"
    async with ledger.still() as connection:
        counts = {
            table.name: (await connection.execute(text(f"SELECT count(*) FROM {table.name}"))).scalar_one()
            for table in DERIVED
        }
    assert [name for name, count in counts.items() if not count] == ["leases"]  # given back


CHANGES = {
    "at": "2030-01-01T00:00:00.000000Z",
    "actor": "person:mallory",
    "run": "another",
    "case_id": "c1",
    "site": "elsewhere",
    "kind": "decided",
    "body": "{}",
    "prev_hash": "f" * 64,
    "hash": "f" * 64,
}


@pytest.mark.parametrize("column", CHANGES)
async def test_a_changed_column_is_named(ledger: Ledger, column: str) -> None:
    """Any column of any entry: the report names the entry, and says that its hash or its link is wrong."""
    await lived(ledger)
    await unguarded(ledger, f"UPDATE entries SET {column} = '{CHANGES[column]}' WHERE seq = 7")
    report = await verify_chain(ledger)
    assert report.seq == 7
    assert "its link differs" in str(report) if column == "prev_hash" else "its hash differs" in str(report)


async def test_a_removed_entry_is_named(ledger: Ledger) -> None:
    """A gap is named by the entry that is missing."""
    await lived(ledger)
    await unguarded(ledger, "DELETE FROM entries WHERE seq = 7")
    assert str(await verify_chain(ledger)) == "entry 8: a gap: entry 7 is missing"


async def test_a_cut_end_is_named(ledger: Ledger) -> None:
    """Entries removed at the end are missed by the signed head."""
    await lived(ledger)
    last = (await ledger.head()).seq
    await unguarded(ledger, f"DELETE FROM entries WHERE seq > {last - 2}")
    assert f"the chain ends with entry {last - 2}, its signed head is entry {last}" in str(await verify_chain(ledger))


async def test_a_head_set_back_is_not_signed(ledger: Ledger) -> None:
    """Who cuts the end off and moves the head back, and takes the home's memory of it, cannot sign it."""
    await lived(ledger)
    (ledger.home / "ledger.anchors").unlink()
    last = (await ledger.head()).seq
    await unguarded(
        ledger,
        f"DELETE FROM entries WHERE seq > {last - 1}",
        "UPDATE head SET seq = seq - 1, hash = (SELECT hash FROM entries ORDER BY seq DESC LIMIT 1)",
    )
    assert str(await verify_chain(ledger)) == "the head's signature is not of the key that it names"


async def test_an_older_ledger_put_back_is_named(url: str, tmp_path: Path) -> None:
    """Cut off with its older, truly signed head: this home remembers that the chain went further."""
    async with await Ledger.open(url, tmp_path) as ledger:
        await ledger.append(noticed(), actor="x")
        async with ledger.still() as connection:
            older = dict((await connection.execute(text("SELECT * FROM head"))).mappings().one())
        await ledger.append(noticed(), actor="x")
    async with await Ledger.open(url, tmp_path) as ledger:
        await unguarded(
            ledger,
            f"DELETE FROM entries WHERE seq > {older['seq']}",
            "UPDATE head SET seq = {seq}, hash = '{hash}', signature = '{signature}'".format(**older),
        )
        said = str(await verify_chain(ledger))
    assert said == "the chain ends with entry 2, this home has seen entry 3: the end is missing"


async def test_a_chain_written_anew_is_named(url: str, tmp_path: Path) -> None:
    """A whole other chain, with a key of its own, is not the one that this home has seen."""
    for name in ("first", "second"):
        async with await Ledger.open(url, tmp_path) as ledger:
            await unguarded(
                ledger, "DELETE FROM entries", "DELETE FROM keys", f"UPDATE head SET seq = 0, hash = '{'0' * 64}'"
            )
            await ledger.append(noticed(name), actor="x")
            await ledger.append(noticed(name), actor="x")
    async with await Ledger.open(url, tmp_path) as ledger:
        report = await verify_chain(ledger)
    assert report.seq == 3
    assert "the chain was written anew" in str(report)


async def test_a_foreign_key_signs_nothing(ledger: Ledger) -> None:
    """The head's key has to have joined the chain."""
    await lived(ledger)
    await unguarded(ledger, "UPDATE head SET key_id = 'SHA256:other'")
    assert "SHA256:other, which never joined" in str(await verify_chain(ledger))


async def test_a_changed_derived_table_is_named(ledger: Ledger) -> None:
    """What the code reads has to be what the entries say."""
    await lived(ledger)
    await unguarded(ledger, "DELETE FROM digests")
    assert str(await verify_chain(ledger)) == "table digests: the row ('d1',) is missing"


RECORD = [table.name for table in metadata.tables.values()]


def rows(path: Path) -> list[Any]:
    """Every row of every table, as bytes."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        connection.text_factory = bytes
        return [sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in RECORD]


def same_rows(path: Path, expected: list[Any]) -> bool:
    try:
        return rows(path) == expected
    except sqlite3.Error:
        return False


async def is_noticed(home: Path) -> bool:
    """Whether a change is found: by verification, or already by opening the file."""
    try:
        async with await Ledger.open(None, home) as ledger:
            return not (await verify_chain(ledger)).ok
    except RetrustError:
        return True


@pytest.mark.slow
async def test_a_flipped_bit_anywhere_in_the_file_is_found(tmp_path: Path) -> None:
    """Any bit of the database file: the change is found, or every row is still what it was."""
    kept, home = tmp_path / "kept", tmp_path / "home"
    async with await Ledger.open(None, kept) as ledger:
        await lived(ledger)
    file, chance = home / "ledger.db", random.Random(1)
    whole, expected = await asyncio.to_thread((kept / "ledger.db").read_bytes), rows(kept / "ledger.db")
    noticed = 0
    for _ in range(60):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        shutil.copytree(kept, home)
        await asyncio.to_thread(file.write_bytes, changed)
        is_same = same_rows(file, expected)
        was_noticed = await is_noticed(home)
        assert was_noticed or is_same
        noticed += was_noticed
        shutil.rmtree(home)
    assert noticed
