"""Which keys may sign the chain: the first one begins it, and lets others in by its signature, as they do in turn.

``admitted`` and ``let_in`` write, ``ring`` checks. Whoever can write the database can put a key's entry there, but
cannot sign it with a key of the chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from retrust.ledger import tables as t
from retrust.ledger.canonical import head_message, join_message
from retrust.ledger.entries import KeyJoined
from retrust.ledger.entry import read
from retrust.ledger.errors import LedgerError, NotJoined
from retrust.ledger.keys import LedgerKey, key_id, public_from_hex, signed_by
from retrust.ledger.ring import KIND

if TYPE_CHECKING:
    from retrust.ledger.writing import Writing


async def admitted(writing: Writing, key: LedgerKey, where: str) -> None:
    """Begin an empty chain with ``key``; of any other it has to be a key already, else ``NotJoined``.

    A chain of an older version gets its first signed entry here: from there on no key joins without.
    """
    joined = await _joined(writing)
    if writing.next_seq > 1 and key.key_id not in {body.key_id for body in joined}:
        raise NotJoined(where, key.key_id, key.public_hex)
    if all(body.by is None for body in joined):
        if joined:
            await _expect_own_head(writing, key, where)
        await _join(writing, key, key.public_hex, actor="service")


async def _expect_own_head(writing: Writing, key: LedgerKey, where: str) -> None:
    """Unsigned keys prove nothing: only the home that wrote last goes on with an older version's chain."""
    row = await writing.row(select(t.head))
    message = head_message(writing.head.seq, writing.head.hash)
    own = row is not None and row["key_id"] == key.key_id
    if row is None or not own or not signed_by(key.public, bytes.fromhex(row["signature"]), message):
        raise LedgerError(
            "the newest entry is not signed by the key of this RETRUST_HOME, and older versions let keys "
            "in without a signature",
            where=where,
            hint="the home that wrote last writes first; if none of yours did, somebody else wrote it",
        )


async def let_in(writing: Writing, key: LedgerKey, public_hex: str, *, actor: str) -> bool:
    """Let another key in by the signature of ``key``; False where a key's signature has let it in already."""
    if any(body.public_key == public_hex and body.by not in (None, body.key_id) for body in await _joined(writing)):
        return False
    await _join(writing, key, public_hex, actor=actor)
    return True


async def _joined(writing: Writing) -> list[KeyJoined]:
    query = select(t.entries.c.body).where(t.entries.c.kind == KIND).order_by(t.entries.c.seq)
    bodies = [read(KIND, row["body"]) for row in await writing.rows(query)]
    return [body for body in bodies if isinstance(body, KeyJoined)]


async def _join(writing: Writing, by: LedgerKey, public_hex: str, *, actor: str) -> None:
    signature = by.sign(join_message(writing.next_seq, writing.head.hash, public_hex)).hex()
    joined = KeyJoined(
        key_id=key_id(public_from_hex(public_hex)), public_key=public_hex, by=by.key_id, signature=signature
    )
    await writing.append(joined, actor=actor)
