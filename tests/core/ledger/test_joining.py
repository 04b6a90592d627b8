"""Which keys may sign the chain: the first begins it, and each other one is let in by the signature of one in it."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import text

from retrust.audit import ChainReport, verify_chain
from retrust.ledger import Ledger, NotJoined
from retrust.ledger.entries import KeyJoined
from retrust.ledger.keys import LedgerKey
from retrust.testing.ledgers import SetClock, noticed

OLD = Path(__file__).parent / "old" / "0.1.tar.xz"


async def opened(url: str, home: Path) -> Ledger:
    return await Ledger.open(url, home)


async def checked(url: str, home: Path) -> ChainReport:
    async with await Ledger.open(url, home) as ledger:
        return await verify_chain(ledger)


async def forged(ledger: Ledger, body: KeyJoined, signer: LedgerKey) -> None:
    """An entry of a key, and the head signed with ``signer``: what whoever can write the database can do."""
    async with ledger.write() as writing:
        await writing.append(body, actor="service")
        writing._key = signer


async def test_a_foreign_key_writes_nothing(url: str, tmp_path: Path) -> None:
    """Another home is refused, says what to type where, and leaves the ledger as it was."""
    async with await opened(url, tmp_path / "one") as one, await opened(url, tmp_path / "two") as two:
        await one.append(noticed(), actor="x")
        head, key = await one.head(), LedgerKey.of(tmp_path / "two")
        with pytest.raises(NotJoined, match=f"retrust audit join {key.public_hex}"):
            await two.append(noticed(), actor="y")
        assert await one.head() == head
        report = await verify_chain(two)
        assert report.problem is not None
        assert report.problem.startswith(f"the key of this RETRUST_HOME, {key.key_id}, is none of this chain's")


async def test_a_key_is_let_in(url: str, tmp_path: Path) -> None:
    """A key of the chain signs for another, which signs for a third; again is no entry; the chain verifies anywhere."""
    homes = [tmp_path / name for name in ("one", "two", "three")]
    keys = [LedgerKey.of(home) for home in homes]
    async with await opened(url, homes[0]) as one:
        assert await one.join(keys[1].public_hex, actor="person:ann")
        assert not await one.join(keys[1].public_hex, actor="person:ann")
    async with await opened(url, homes[1]) as two:
        assert await two.join(keys[2].public_hex, actor="person:bob")
    async with await opened(url, homes[2]) as three:
        await three.append(noticed(), actor="x")
        joined = await three.entries(kinds=["key-joined"])
        assert [(e.body.key_id, e.body.by, e.actor) for e in joined if isinstance(e.body, KeyJoined)] == [
            (keys[0].key_id, keys[0].key_id, "service"),
            (keys[1].key_id, keys[0].key_id, "person:ann"),
            (keys[2].key_id, keys[1].key_id, "person:bob"),
        ]
    for home in homes:
        assert (await checked(url, home)).ok


async def test_an_older_ledger(tmp_path: Path) -> None:
    """A chain whose keys joined without a signature verifies; once this version wrote to it, no further one does."""
    with tarfile.open(OLD) as archive:
        archive.extractall(tmp_path, filter="data")
    home, evil = tmp_path / "home", LedgerKey.of(tmp_path / "evil")
    async with await Ledger.open(None, home) as ledger:
        assert (await verify_chain(ledger)).ok
        with pytest.raises(NotJoined):
            async with await Ledger.open(f"sqlite:///{home / 'ledger.db'}", tmp_path / "evil") as other:
                await other.append(noticed(), actor="x")
        await ledger.append(noticed(), actor="x")
        assert (await verify_chain(ledger)).ok
        await forged(ledger, KeyJoined(key_id=evil.key_id, public_key=evil.public_hex), evil)
        assert "joined without the signature of a key of the chain" in str(await verify_chain(ledger))


async def test_the_key_table_is_not_believed(url: str, tmp_path: Path) -> None:
    """A row of the derived table lets nobody in: the entries do."""
    evil = LedgerKey.of(tmp_path / "evil")
    async with await opened(url, tmp_path / "home") as ledger:
        await ledger.append(noticed(), actor="x")
        async with ledger._database.writing() as connection:
            await connection.execute(text(f"INSERT INTO keys VALUES ('{evil.key_id}', '{evil.public_hex}', 1)"))
    async with await opened(url, tmp_path / "evil") as other:
        with pytest.raises(NotJoined):
            await other.append(noticed(), actor="x")


async def test_the_same_key_on_two_machines(url: str, tmp_path: Path) -> None:
    """Workers that share the key's file need no joining."""
    LedgerKey.of(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    for name in ("one", "two"):
        async with await Ledger.open(url, tmp_path / name, clock=SetClock()) as ledger:
            await ledger.append(noticed(name), actor=name)
            assert [e.kind for e in await ledger.entries()].count("key-joined") == 1
    assert (await checked(url, tmp_path / "two")).ok
