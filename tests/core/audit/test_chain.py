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

from retrust.audit import verify_chain
from retrust.errors import RetrustError
from retrust.ledger import Ledger
from retrust.ledger.replay import rebuild
from retrust.ledger.tables import DERIVED, metadata
from retrust.states import State
from retrust.testing.ledgers import SITE, SetClock, baseline, decision, noticed, plan, sighting, snapshot


async def lived(ledger: Ledger) -> str:
    """A ledger in which something of every kind has happened; gives the healed case."""
    await ledger.sight_many([sighting(n, site=site) for n in range(3) for site in (SITE, None)])
    case = (await ledger.open_case(SITE, cause="a log line", actor="person:alice")).id
    [loose] = [s for s in await ledger.sightings() if s.site is None]
    await ledger.assign_sighting(loose.id, site=SITE, actor="service", holder="primary")
    await ledger.record_snapshot(case, snapshot(), when="before", actor="service")
    await ledger.record_plan(case, plan(), actor="service")
    await ledger.move(case, "wait", actor="service", note="people: 1 of 1")
    await ledger.decide(decision(case))
    await ledger.move(case, "approve", actor="service")
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        await ledger.use_digest(case, "d1", actor="service", lease=lease)
        await ledger.move(case, "execute", actor="service", lease=lease)
        for phase in ("started", "sent", "done"):
            await ledger.record_step(case, "d1", "delete-1", phase, "ü", lease=lease, actor="service")
        await ledger.move(case, "verify", actor="service", lease=lease)
        await ledger.set_baselines([baseline("new")], actor="service", case=case, lease=lease)
        await ledger.record_snapshot(case, snapshot(), when="after", actor="service")
        (ledger.home / "transcript.txt").write_text("admin# …", encoding="utf-8")
        await ledger.attach(case, "transcripts/primary.txt", ledger.home / "transcript.txt", actor="service")
        await ledger.move(case, State.HEALED, actor="service", lease=lease)
    await ledger.alarm("contradicted", "x", actor="service", site=SITE)
    await ledger.accept_identity(
        site=SITE, node="primary", kind="host key", fingerprint="SHA256:x", actor="person:a", reason="r"
    )
    return case


async def unguarded(ledger: Ledger, *statements: str) -> None:
    """What somebody does who owns the database: the append-only guard is no obstacle."""
    async with ledger._database.writing() as connection:
        if ledger.dialect == "postgresql":
            await connection.execute(text("ALTER TABLE entries DISABLE TRIGGER ALL"))
        else:
            for verb in ("update", "delete"):
                await connection.execute(text(f"DROP TRIGGER IF EXISTS entries_no_{verb}"))
        for statement in statements:
            await connection.execute(text(statement))


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


DERIVED_CHANGES = [
    ("UPDATE cases SET state = 'open'", "table cases: the row ('{case}',) differs from the entries in state"),
    (
        "UPDATE decisions SET actor = 'person:mallory'",
        "table decisions: the row ('{case}', 'd1', 'people', 'person:bob') is missing",
    ),
    ("DELETE FROM digests", "table digests: the row ('d1',) is missing"),
    (
        "UPDATE baselines SET fingerprint = 'SHA256:mallory'",
        "table baselines: the row ('campus', 'primary', '10.0.0.12_8082') differs from the entries in fingerprint",
    ),
    ("UPDATE sightings SET count = count + 1", "differs from the entries in count"),
    ("INSERT INTO heals VALUES ('a', 'b', 'c', 'd')", "table heals: the row ('a', 'b') is of no entry"),
    ("DELETE FROM steps", "table steps: the row"),
    ("UPDATE keys SET seq = 9", "table keys: the row"),
]


@pytest.mark.parametrize(("change", "said"), DERIVED_CHANGES)
async def test_a_changed_derived_table_is_named(ledger: Ledger, change: str, said: str) -> None:
    """What the code reads is what the entries say, or the table, row and column are named; a rebuild mends it."""
    case = await lived(ledger)
    await unguarded(ledger, change)
    assert said.format(case=case) in str(await verify_chain(ledger))
    await rebuild(ledger)
    assert (await verify_chain(ledger)).ok


async def test_a_renewed_lease_is_no_difference(ledger: Ledger, clock: SetClock) -> None:
    """A lease's time moves without an entry; its holder does not."""
    async with ledger.lease(SITE, owner="service", what="run") as lease:
        clock.forward(seconds=10)
        await lease.renew()
        assert (await verify_chain(ledger)).ok
        await unguarded(ledger, "UPDATE leases SET owner = 'mallory'")
        assert "differs from the entries in owner" in str(await verify_chain(ledger))
        await unguarded(ledger, "UPDATE leases SET owner = 'service'")


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
