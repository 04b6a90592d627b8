"""A chain written anew as an older version would have written it, where keys joined without a signature."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from retrust.audit import verify_chain
from retrust.ledger import Ledger
from retrust.ledger.anchors import FILE
from retrust.ledger.canonical import GENESIS, canonical, entry_hash, head_message
from retrust.ledger.errors import LedgerError
from retrust.ledger.keys import LedgerKey
from retrust.testing.ledgers import noticed

AT = "2026-01-01T00:00:00.000000Z"


def forge(home: Path, evil: LedgerKey) -> None:
    """The genuine key begins, the attacker's joins unsigned and signs the head."""
    genuine = LedgerKey.of(home)
    database = sqlite3.connect(home / "ledger.db")
    for verb in ("update", "delete"):
        database.execute(f"DROP TRIGGER IF EXISTS entries_no_{verb}")
    database.execute("DELETE FROM entries")
    prev = GENESIS
    for seq, key in enumerate((genuine, evil), 1):
        body = canonical({"key_id": key.key_id, "public_key": key.public_hex})
        sealed = entry_hash(seq, AT, "service", None, None, None, "key-joined", body, prev)
        database.execute(
            "INSERT INTO entries (seq, at, actor, kind, body, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (seq, AT, "service", "key-joined", body, prev, sealed),
        )
        prev = sealed
    database.execute(
        "UPDATE head SET seq = 2, hash = ?, key_id = ?, signature = ?",
        (prev, evil.key_id, evil.sign(head_message(2, prev)).hex()),
    )
    database.commit()
    database.close()


async def test_a_key_that_nobody_vouches_for_signs_no_history(tmp_path: Path) -> None:
    """It is found with the pinned key and at home, and the home writes nothing on top of it."""
    home = tmp_path / "home"
    async with await Ledger.open(None, home) as ledger:
        await ledger.append(noticed(), actor="service")
    forge(home, LedgerKey.of(tmp_path / "evil"))
    (home / FILE).unlink()
    async with await Ledger.open(None, home) as ledger:
        for pinned in (LedgerKey.of(home).key_id, None):
            found = await verify_chain(ledger, first_key=pinned)
            assert "no key that is known here vouches for it" in str(found)
        with pytest.raises(LedgerError, match="not signed by the key of this RETRUST_HOME"):
            await ledger.append(noticed(), actor="service")


async def test_a_home_goes_on_with_no_other_chain_than_it_has_seen(tmp_path: Path) -> None:
    """Written anew under its own key, while the anchor remembers: nothing is written on top."""
    home = tmp_path / "home"
    async with await Ledger.open(None, home) as ledger:
        await ledger.append(noticed(), actor="service")
    forge(home, LedgerKey.of(home))
    async with await Ledger.open(None, home) as ledger:
        with pytest.raises(LedgerError, match="has seen another entry 2"):
            await ledger.append(noticed(), actor="service")
