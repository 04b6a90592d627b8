"""One transaction of the chain: each entry follows the one before, and one signature covers them all."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from retrust.ledger import Ledger
from retrust.ledger import tables as t
from retrust.ledger.canonical import GENESIS, head_message
from retrust.ledger.keys import signed_by
from retrust.testing.ledgers import SITE, SetClock, decision, noticed, plan, sighting, snapshot


def holding(secret: bytes, folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and secret in file.read_bytes()]


async def test_an_entry_follows_the_one_before(ledger: Ledger, clock: SetClock) -> None:
    """Numbers without a gap, each with the hash of the one before, time, actor and run."""
    first = await ledger.append(noticed("ä"), actor="cli:root@host", run="run-1", site=SITE)
    clock.forward(seconds=1)
    second = await ledger.append(noticed(), actor="service", case="c1")
    [key, *entries] = await ledger.entries()
    assert (key.kind, key.seq, key.prev_hash) == ("key-joined", 1, GENESIS)
    assert entries == [first, second]
    assert (second.seq, second.prev_hash, second.at) == (3, first.hash, clock.now)
    assert (await ledger.head()).hash == second.hash


async def test_secrets_never_enter(url: str, tmp_path: Path) -> None:
    """The redactor sees every text of every entry, names of fields included; no table and no file holds one."""
    secret = "hunter2"
    async with await Ledger.open(url, tmp_path, redact=lambda said: said.replace(secret, "***")) as ledger:
        case = await ledger.open_case(SITE, cause=f"x {secret}", actor=f"cli:{secret}", run=secret)
        await ledger.sight(sighting(text=f"password {secret}", dn=f"CN={secret}"))
        await ledger.record_plan(case.id, plan(), actor="service")
        await ledger.decide(decision(case.id, reason=f"it is {secret}"))
        seen = snapshot().model_copy(update={"relations": {secret: None}, "problems": (secret,)})
        await ledger.record_look(seen, actor="x")
        await ledger.alarm(secret, secret, actor=secret)
        everything = [e.model_dump_json() for e in await ledger.entries()]
        assert not [told for told in everything if secret in told]
        assert sum(told.count("***") for told in everything) == 11
    assert holding(secret.encode(), tmp_path) == []


async def signed_head(ledger: Ledger) -> tuple[int, str]:
    """Where the head says that the chain ends, if its signature is of this place and of the home's key."""
    async with ledger.still() as connection:
        row = (await connection.execute(select(t.head))).one()
    key = ledger.signing_key()
    assert row.key_id == key.key_id
    assert signed_by(key.public, bytes.fromhex(row.signature), head_message(row.seq, row.hash))
    return row.seq, row.hash


async def test_one_transaction_has_one_signed_head(ledger: Ledger, clock: SetClock) -> None:
    """Its entries are of one time, each follows the one before, and the head that is signed is the last one's."""
    async with ledger.write() as writing:
        before = writing.head
        made = [await writing.append(noticed(number), actor="x") for number in range(3)]
        assert (writing.head.hash, writing.next_seq) == (made[-1].hash, made[-1].seq + 1)
    assert [entry.prev_hash for entry in made] == [before.hash, *(entry.hash for entry in made[:-1])]
    assert {entry.at for entry in made} == {clock.now}
    assert await signed_head(ledger) == (made[-1].seq, made[-1].hash)
