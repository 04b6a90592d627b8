"""The head of a chain as a signed note, which can be kept anywhere and proves later that the chain went this far.

The format is that of transparency logs (C2SP's *checkpoint* in a *signed note*), so that their tools read it, too:
origin, number of entries, hash in Base64, an empty line, and a line for each signature. The hash is the last
entry's, which covers all entries before it; the origin names the key that the chain began with. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from retrust.ledger.keys import LedgerKey, raw, signed_by
from retrust.ledger.records import Head

_ED25519 = b"\x01"
_NOTE = re.compile(
    rb"^([^\n]+\n(\d{1,18})\n([A-Za-z0-9+/]{43}=)\n)\n((?:\xe2\x80\x94 [^ \n]+ [A-Za-z0-9+/]+={0,2}\n)+)", re.MULTILINE
)


@dataclass(frozen=True)
class Note:
    """``text`` is what is signed; ``signatures`` are names and the bytes behind them."""

    head: Head
    text: bytes
    signatures: tuple[tuple[str, bytes], ...]

    def is_signed_by(self, keys: Iterable[Ed25519PublicKey]) -> bool:
        return any(
            signature[:4] == _hint(name, key) and signed_by(key, signature[4:], self.text)
            for name, signature in self.signatures
            for key in keys
        )


def signed_note(first_key: str, head: Head, key: LedgerKey) -> str:
    """``first_key``: the id of the key that the chain began with."""
    origin = f"retrust-ledger/{first_key.removeprefix('SHA256:')}"
    text = f"{origin}\n{head.seq}\n{base64.b64encode(bytes.fromhex(head.hash)).decode()}\n"
    signature = base64.b64encode(_hint(origin, key.public) + key.sign(text.encode())).decode()
    return f"{text}\n\N{EM DASH} {origin} {signature}\n"


def _hint(name: str, key: Ed25519PublicKey) -> bytes:
    """Tells which key is meant, without proving anything."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + raw(key)).digest()[:4]


def notes_in(data: bytes) -> list[Note]:
    """Every whole note of a file. What lies between, such as a note that a loss of power cut off, is passed over."""
    return [_note(*match.groups()) for match in _NOTE.finditer(data)]


def _note(text: bytes, size: bytes, sealed: bytes, signatures: bytes) -> Note:
    lines = [line.split(" ") for line in signatures.decode(errors="replace").splitlines()]
    head = Head(seq=int(size), hash=base64.b64decode(sealed).hex())
    return Note(head, text, tuple((name, _decoded(signature)) for _, name, signature in lines))


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature)
    except ValueError:
        return b""
