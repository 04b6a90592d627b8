"""Holds a chain against signed notes that were kept elsewhere: they show an end that was cut off or changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from retrust.ledger.notes import Note


class Vouched:
    """``meet`` each entry of the chain, then ask for the ``fault``."""

    def __init__(self, notes: Iterable[Note]) -> None:
        self._notes = sorted(notes, key=lambda note: note.head.seq)
        self._noted = {note.head.seq for note in self._notes}
        self._met: dict[int, str] = {}

    def meet(self, seq: int, sealed: str) -> None:
        if seq in self._noted:
            self._met[seq] = sealed

    @property
    def last(self) -> int:
        """The newest entry that a note is of; 0 where there is no note."""
        return self._notes[-1].head.seq if self._notes else 0

    def fault(self, end: int, keys: Iterable[Ed25519PublicKey]) -> tuple[str, int | None] | None:
        """The first note with which the chain does not agree, in words, and the entry at fault."""
        keys, same = list(keys), 0
        for note in self._notes:
            seq = note.head.seq
            if seq > end:
                return f"the chain ends with entry {end}, a note was kept of entry {seq}: the end was cut off", None
            if not note.is_signed_by(keys):
                return (
                    f"the note of entry {seq} is signed with no key of this chain: it is of another ledger, or the "
                    "chain was written anew with another key"
                ), None
            if self._met.get(seq) != note.head.hash:
                since = f"the end was written anew, after entry {same}" if same else "the whole chain was written anew"
                return f"it is not the entry that a note was kept of: {since}", seq
            same = seq
        return None
