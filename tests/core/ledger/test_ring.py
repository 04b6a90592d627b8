"""The keys of a chain, as its entries tell them: which may sign, and which a trusted key vouches for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retrust.ledger.canonical import GENESIS, canonical, join_message
from retrust.ledger.entries import KeyJoined
from retrust.ledger.entry import written
from retrust.ledger.keys import LedgerKey
from retrust.ledger.ring import Ring


@pytest.fixture
def keys(tmp_path: Path) -> list[LedgerKey]:
    return [LedgerKey.of(tmp_path / str(number)) for number in range(4)]


def unsigned(seq: int, key: LedgerKey) -> dict[str, Any]:
    """As older versions let a key in."""
    body = KeyJoined(key_id=key.key_id, public_key=key.public_hex)
    return {"seq": seq, "prev_hash": GENESIS, "body": canonical(written(body))}


def joined(seq: int, key: LedgerKey, signer: LedgerKey, **changes: object) -> dict[str, Any]:
    """``key`` is let in by the signature of ``signer``, at this place."""
    signature = signer.sign(join_message(seq, GENESIS, key.public_hex)).hex()
    body = KeyJoined(key_id=key.key_id, public_key=key.public_hex, by=signer.key_id, signature=signature)
    return {"seq": seq, "prev_hash": GENESIS, "body": canonical(written(body) | changes)}


def faults(*entries: dict[str, Any]) -> list[str | None]:
    ring = Ring()
    return [ring.fault(entry) for entry in entries]


def test_each_key_lets_the_next_one_in(keys: list[LedgerKey]) -> None:
    """The first speaks for itself; whoever was let in lets others in."""
    a, b, c, _ = keys
    ring = Ring()
    assert [ring.fault(entry) for entry in (joined(1, a, a), joined(2, b, a), joined(5, c, b))] == [None] * 3
    assert list(ring.keys) == [a.key_id, b.key_id, c.key_id]


def test_only_the_first_key_speaks_for_itself(keys: list[LedgerKey]) -> None:
    """A second one that does is let in by nobody."""
    a, b, *_ = keys
    [_, said] = faults(joined(1, a, a), joined(2, b, b))
    assert said == f"{b.key_id} was let in by {b.key_id}, which is no key of the chain"


@pytest.mark.parametrize(
    "how", ["unsigned", "by itself", "by a stranger", "another's signature", "of another place", "another id", "no key"]
)
def test_a_key_that_nobody_let_in_is_a_fault(keys: list[LedgerKey], how: str) -> None:
    """Whatever its entry says, it needs the signature of a key of the chain, over this key, for this place."""
    own, evil, stranger, _ = keys
    entry = {
        "unsigned": unsigned(3, evil),
        "by itself": joined(3, evil, evil),
        "by a stranger": joined(3, evil, stranger),
        "another's signature": joined(3, evil, evil, by=own.key_id),
        "of another place": joined(2, evil, own) | {"seq": 3},
        "another id": joined(3, evil, own, key_id=stranger.key_id),
        "no key": joined(3, evil, own, public_key="00"),
    }[how]
    ring = Ring()
    assert [ring.fault(joined(1, own, own)), ring.fault(entry) is None] == [None, False]
    assert list(ring.keys) == [own.key_id]
    assert ring.vouched(own.key_id) == {own.key_id}


def test_a_signature_is_for_one_chain(keys: list[LedgerKey]) -> None:
    """The same number in another chain has another entry before it."""
    own, other, *_ = keys
    [_, said] = faults(joined(1, own, own), joined(3, other, own) | {"prev_hash": "f" * 64})
    assert said == f"{other.key_id} joined without the signature of {own.key_id}, which it names"


@pytest.mark.parametrize("body", ["[]", "{}", "no JSON", "5", '{"key_id":1,"public_key":2}'])
def test_an_entry_that_tells_no_key_is_a_fault(body: str) -> None:
    """Whatever stands there, one sentence says so."""
    assert faults({"seq": 1, "prev_hash": GENESIS, "body": body}) == ["it does not say which key joined"]


def test_older_chains_joined_without_a_signature(keys: list[LedgerKey]) -> None:
    """Until the first signed entry; from there on no key does."""
    a, b, c, _ = keys
    said = faults(unsigned(1, a), unsigned(2, b), joined(3, b, b), unsigned(4, c))
    assert said == [None, None, None, f"{c.key_id} joined without the signature of a key of the chain"]


def test_who_is_vouched_for(keys: list[LedgerKey]) -> None:
    """Whom a key let in, and whom those let in; not whoever let it in, nor one that joined unsigned."""
    a, b, c, d = keys
    ring = Ring()
    for entry in (unsigned(1, d), unsigned(2, a), joined(3, b, a), joined(4, c, b)):
        assert ring.fault(entry) is None
    assert ring.vouched(a.key_id) == {a.key_id, b.key_id, c.key_id}
    assert ring.vouched(b.key_id) == {b.key_id, c.key_id}
    assert ring.vouched(c.key_id, d.key_id) == {c.key_id, d.key_id}
