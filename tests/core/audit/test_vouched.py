"""A chain held against notes that were kept elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrust.audit.vouched import Vouched
from retrust.ledger import Head
from retrust.ledger.keys import LedgerKey
from retrust.ledger.notes import Note, notes_in, signed_note


@pytest.fixture
def key(tmp_path: Path) -> LedgerKey:
    return LedgerKey.of(tmp_path)


def sealed(seq: int, story: str = "a") -> str:
    """The hash of an entry of that story."""
    return f"{story}{seq:063x}"


def notes(key: LedgerKey, *numbers: int, story: str = "a") -> list[Note]:
    told = (signed_note(key.key_id, Head(seq=seq, hash=sealed(seq, story)), key) for seq in numbers)
    return notes_in("\n".join(told).encode())


def held(found: list[Note], end: int, key: LedgerKey, *, changed_from: int = 99) -> tuple[str, int | None] | None:
    """What is wrong with a chain of that length, whose entries are others from a number on."""
    vouched = Vouched(found)
    for seq in range(1, end + 1):
        vouched.meet(seq, sealed(seq, "b" if seq >= changed_from else "a"))
    return vouched.fault(end, [key.public])


def test_a_chain_that_goes_on_agrees(key: LedgerKey) -> None:
    """Notes in any order, some twice, none of its newest entries; without notes nothing is vouched for."""
    assert held(notes(key, 5, 2, 5), 9, key) is None
    assert Vouched(notes(key, 5, 2)).last == 5
    assert (held([], 9, key), Vouched([]).last) == (None, 0)


def test_an_end_that_was_cut_off(key: LedgerKey) -> None:
    """A note is of an entry that is not there any more."""
    found = held(notes(key, 2, 5), 4, key)
    assert found == ("the chain ends with entry 4, a note was kept of entry 5: the end was cut off", None)


@pytest.mark.parametrize(
    ("changed_from", "at", "since"),
    [(1, 2, "the whole chain was written anew"), (3, 5, "the end was written anew, after entry 2")],
)
def test_entries_that_were_written_anew(key: LedgerKey, changed_from: int, at: int, since: str) -> None:
    """The first entry with which a note disagrees is named, and the last with which one agrees."""
    said = f"it is not the entry that a note was kept of: {since}"
    assert held(notes(key, 2, 5, 7), 9, key, changed_from=changed_from) == (said, at)


def test_later_notes_outvote_no_earlier_one(key: LedgerKey) -> None:
    """Notes of the new end, truly signed, are put beside those of the old one."""
    both = notes(key, 2, 5) + notes(key, 5, 7, story="b")
    found = held(both, 9, key, changed_from=3)
    assert found is not None
    assert found[1] == 5


def test_a_note_of_another_key(key: LedgerKey, tmp_path: Path) -> None:
    """It is of another ledger, or the chain was written anew with another key: in both cases it is told."""
    found = held(notes(LedgerKey.of(tmp_path / "other"), 2), 9, key)
    assert found is not None
    assert found[0].startswith("the note of entry 2 is signed with no key of this chain")
