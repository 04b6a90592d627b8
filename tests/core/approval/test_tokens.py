"""Tokens: what is kept of them, who knows them, and when they end."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from retrust.approval.tokens import Register, create_token, revoke_token, roles_of
from retrust.errors import UsageError
from retrust.ledger import Ledger
from retrust.testing.ledgers import SetClock
from retrust.testing.plans import an_inventory

INVENTORY = an_inventory(people={"ann": ["network"], "ben": []})
HOUR = timedelta(hours=1)
ADMIN = "person:admin"


@pytest.fixture
async def ledger(tmp_path):
    async with await Ledger.open(None, tmp_path) as opened:
        yield opened


async def make(ledger, person: str = "ann", lasts: timedelta = HOUR, **more):
    return await create_token(ledger, INVENTORY, person, lasts=lasts, actor=ADMIN, **more)


async def test_a_token_is_known(ledger) -> None:
    """The text of a token leads to its person, also in a register that was there before it."""
    register = Register(ledger)
    assert await register.tokens() == []
    token, text = await make(ledger, read_only=True, note="for a script")
    assert await register.known(text) == token
    assert (token.person, token.created_by, token.read_only, token.note) == ("ann", ADMIN, True, "for a script")


async def test_only_its_hash_is_kept(ledger, tmp_path) -> None:
    """Nothing in the ledger's files holds the text, or the secret part of it."""
    _, text = await make(ledger)
    await ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert text.split("_", 2)[2].encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text + "A",
        lambda text: text[1:],
        lambda text: "",
        lambda text: text.upper(),
        lambda text: text.replace("_", "-", 1),
        lambda text: f"{text}\n",
        lambda text: "retrust_00000000_" + text.split("_", 2)[2],
    ],
)
async def test_anything_else_is_not(ledger, change) -> None:
    """A changed, cut, longer or other text is nobody's."""
    _, text = await make(ledger)
    assert await Register(ledger).known(change(text)) is None


async def test_revoked(ledger, tmp_path) -> None:
    """A token revoked by another process is refused at the next question; revoking it twice says nothing new."""
    token, text = await make(ledger)
    _, other = await make(ledger, "ben")
    register = Register(ledger)
    assert await register.known(text) is not None
    async with await Ledger.open(None, tmp_path) as elsewhere:
        await revoke_token(elsewhere, token.id, actor=ADMIN)
        await revoke_token(elsewhere, token.id, actor=ADMIN)
    assert await register.known(text) is None
    assert await register.known(other) is not None
    assert len(await ledger.entries(kinds=["token-revoked"])) == 1


async def test_expired(tmp_path) -> None:
    """A token ends by itself."""
    async with await Ledger.open(None, tmp_path, clock=SetClock(datetime(2024, 1, 1, tzinfo=UTC))) as ledger:
        token, _ = await make(ledger)
        assert token.is_valid(token.expires_at - timedelta(seconds=1))
        assert not token.is_valid(token.expires_at)
        assert await Register(ledger).token(token.id) is not None


@pytest.mark.parametrize(
    ("person", "lasts", "said"),
    [
        ("eve", HOUR, "names no person 'eve'"),
        ("ann", timedelta(0), "at most"),
        ("ann", timedelta(days=400), "at most"),
    ],
)
async def test_not_made(ledger, person: str, lasts: timedelta, said: str) -> None:
    """There is no token for a stranger, none for no time, and none for ever."""
    with pytest.raises(UsageError, match=said):
        await make(ledger, person, lasts)
    with pytest.raises(UsageError, match="no token"):
        await revoke_token(ledger, "00000000", actor=ADMIN)


async def test_sign_out_is_remembered(ledger, tmp_path) -> None:
    """An ended sign-in stays ended, in every process and after a restart; the ledger holds no session's name."""
    register = Register(ledger)
    await register.sign_in("session-one", actor="person:ann", by="oidc")
    assert not await register.is_signed_out("session-one")
    await register.sign_out("session-one", actor="person:ann")
    assert await register.is_signed_out("session-one")
    async with await Ledger.open(None, tmp_path) as elsewhere:
        assert await Register(elsewhere).is_signed_out("session-one")
    assert all("session-one" not in entry.text for entry in await ledger.entries())


def test_roles() -> None:
    """Roles are the inventory's, by the person's exact name; a stranger has none."""
    assert roles_of(INVENTORY, "person:ann") == ("network",)
    assert roles_of(INVENTORY, "person:Ann") == roles_of(INVENTORY, "person:eve") == ()
