"""The ledger's own Ed25519 key, one for each ``RETRUST_HOME``: it signs the chain's head and packs.

The private key never leaves its file (mode 600, made at the first write); the public key is an entry
of the chain (``key-joined``). Workers of one ledger share the file, or join each with a key of its own,
which a key of the chain signs.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from retrust.errors import PermanentError
from retrust.ledger.errors import LedgerError

FILE = "ledger.key"


class LedgerKey:
    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key()
        self.public_hex = raw(self.public).hex()
        self.key_id = key_id(self.public)

    @classmethod
    def of(cls, home: Path) -> LedgerKey:
        """The home's key; made when there is none. Two processes that make one at once end with the same."""
        path = home / FILE
        try:
            if not path.exists():
                _make(path)
        except OSError as exc:
            raise LedgerError(f"the ledger's key cannot be made: {exc.strerror}", where=str(path)) from exc
        return cls._read(path)

    @classmethod
    def existing(cls, home: Path) -> LedgerKey | None:
        """The home's key, where there is one."""
        return cls._read(home / FILE) if (home / FILE).is_file() else None

    @classmethod
    def _read(cls, path: Path) -> LedgerKey:
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except OSError as exc:
            raise LedgerError(f"the ledger's key cannot be read: {exc.strerror}", where=str(path)) from exc
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:  # TypeError: it asks for a passphrase
            raise PermanentError("this is not a private key without a passphrase", where=str(path)) from exc
        if not isinstance(private, Ed25519PrivateKey):
            raise PermanentError("this is not an Ed25519 key", where=str(path))
        return cls(private)

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


def _make(path: Path) -> None:
    """Written beside and linked into place: nobody ever reads half a key, and the first one wins."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)  # mode 600 from the start
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(beside)
        except FileExistsError:
            return
    finally:
        beside.unlink()


def raw(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def pem(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_id(public: Ed25519PublicKey) -> str:
    """``SHA256:`` and the hex digest of the raw public key; what a person compares."""
    return f"SHA256:{hashlib.sha256(raw(public)).hexdigest()}"


def public_from_hex(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))


def public_from_pem(data: bytes) -> Ed25519PublicKey:
    if not data.lstrip().startswith(b"-----BEGIN "):
        raise ValueError("not a PEM file")
    try:
        public = load_pem_public_key(data)
    except UnsupportedAlgorithm as exc:
        raise ValueError("not an Ed25519 key") from exc
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return public


def signed_by(public: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True
