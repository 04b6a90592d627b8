"""The head of a chain as a signed note: its format, and finding the notes in whatever a file holds."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from retrust.ledger import Head
from retrust.ledger.keys import LedgerKey
from retrust.ledger.notes import notes_in, signed_note


@pytest.fixture
def key(tmp_path: Path) -> LedgerKey:
    return LedgerKey.of(tmp_path)


def note_of(seq: int, key: LedgerKey) -> bytes:
    return signed_note(key.key_id, Head(seq=seq, hash=f"{seq:064x}"), key).encode()


def test_a_note_is_read_as_it_was_written(key: LedgerKey, tmp_path: Path) -> None:
    """With its head; its signature is of that key, and of no other."""
    [note] = notes_in(note_of(7, key))
    assert note.head == Head(seq=7, hash=f"{7:064x}")
    other = LedgerKey.of(tmp_path / "other")
    assert note.is_signed_by([other.public, key.public])
    assert not note.is_signed_by([other.public])


def test_a_changed_note_is_signed_by_nobody(key: LedgerKey) -> None:
    """Any byte of it: it is no note any more, its signature is wrong, or the bit was one that base64 has no use for."""
    whole = note_of(7, key)
    [original] = notes_in(whole)
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        signed = [note for note in notes_in(bytes(changed)) if note.is_signed_by([key.public])]
        assert signed in ([], [original]), at


def test_a_note_may_have_several_signatures(key: LedgerKey, tmp_path: Path) -> None:
    """As transparency logs have it: one of a known key is enough, whatever the others are."""
    cosigner = "— somebody.example AAAABBBB\n".encode()
    [note] = notes_in(note_of(7, key) + cosigner)
    assert [name for name, _ in note.signatures][1:] == ["somebody.example"]
    assert note.is_signed_by([key.public])


def test_the_format_is_that_of_transparency_logs(key: LedgerKey) -> None:
    """Read as C2SP's specification of signed notes has it, by other code than ours."""
    note = signed_note(key.key_id, Head(seq=7, hash="ab" * 32), key)
    text, _, signatures = note.rpartition("\n\n")
    origin, size, root = text.split("\n")
    assert (size, base64.b64decode(root).hex()) == ("7", "ab" * 32)
    dash, name, blob = signatures.removesuffix("\n").split(" ")
    assert (dash, name) == ("—", origin)
    assert not {" ", "+"} & set(name)
    raw, public = base64.b64decode(blob), bytes.fromhex(key.public_hex)
    assert raw[:4] == hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], f"{text}\n".encode())


def test_a_note_that_was_cut_off(key: LedgerKey) -> None:
    """What a loss of power leaves of a note spoils none of those before and behind it."""
    before, lost, behind = (note_of(seq, key) for seq in (2, 3, 4))
    for size in range(len(lost) - 1):  # without its line end alone it is whole: what follows begins with one
        found = notes_in(b"\n" + before + b"\n" + lost[:size] + b"\n" + behind)
        assert [note.head.seq for note in found if note.is_signed_by([key.public])] == [2, 4], size


def test_odd_files_of_notes() -> None:
    """Whatever a file holds: no exception, and no note that is none; long ones cost no more than their length."""
    for data in (
        b"",
        b"\n" * 10_000,
        os.urandom(50_000),
        "— x y\n".encode() * 10_000,
        b"1\n" * 200_000,
        b"a\n1\n" + b"A" * 43 + b"=\n\n",
        b"a\n1\n" + b"A" * 43 + "=\n\n— a A\n".encode(),
    ):
        assert not [note for note in notes_in(data) if note.is_signed_by([])]
