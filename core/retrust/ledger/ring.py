"""The keys of a chain, as its entries tell them: which joined, and which a trusted key vouches for.

A ledger and a pack are checked with this alike, the pack without a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from retrust.ledger.canonical import join_message
from retrust.ledger.entries import KeyJoined
from retrust.ledger.entry import read
from retrust.ledger.keys import key_id, public_from_hex, signed_by

KIND: Final = "key-joined"


class Ring:
    """The keys of a chain as its entries tell them, in their order; ``let_in`` are (by whom, which key)."""

    def __init__(self) -> None:
        self.keys: dict[str, Ed25519PublicKey] = {}
        self.let_in: list[tuple[str, str]] = []
        self._signed = False

    def vouched(self, *roots: str) -> set[str]:
        """The keys that these vouch for: themselves, and whom they let in by their signature, as they do in turn.

        A key that joined in the way of older versions is vouched for by none.
        """
        found = set(roots)
        for by, key in self.let_in:
            found |= {key} if by in found else set()
        return found

    def fault(self, entry: Mapping[str, Any]) -> str | None:
        """What is wrong with a key's entry, in words; else the key is of the ring."""
        try:
            body = read(KIND, entry["body"])
            assert isinstance(body, KeyJoined)
            public = public_from_hex(body.public_key)
            if key_id(public) != body.key_id:
                return "its key is not the one that it names"
            if found := self._refusal(body, public, entry):
                return found
        except (ValueError, TypeError, AttributeError):
            return "it does not say which key joined"
        self._signed = self._signed or body.by is not None
        self.keys.setdefault(body.key_id, public)
        self.let_in += [(body.by, body.key_id)] if body.by else []
        return None

    def _refusal(self, body: KeyJoined, public: Ed25519PublicKey, entry: Mapping[str, Any]) -> str | None:
        if body.by is None or body.signature is None:
            return f"{body.key_id} joined without the signature of a key of the chain" if self._signed else None
        signer = self.keys.get(body.by, public if not self.keys and body.by == body.key_id else None)
        if signer is None:
            return f"{body.key_id} was let in by {body.by}, which is no key of the chain"
        message = join_message(entry["seq"], entry["prev_hash"], body.public_key)
        if not signed_by(signer, bytes.fromhex(body.signature), message):
            return f"{body.key_id} joined without the signature of {body.by}, which it names"
        return None
