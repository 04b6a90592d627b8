"""The key of a home: made once, its owner's alone, and what is no such key is said to be none."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from retrust.errors import PermanentError
from retrust.ledger import Ledger, LedgerError
from retrust.ledger.keys import FILE, LedgerKey, key_id, pem, public_from_hex, public_from_pem, raw, signed_by
from retrust.testing.ledgers import noticed


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """Of many who make it at once, one wins and all have the same; later it is read."""
    home = tmp_path / "home"
    assert LedgerKey.existing(home) is None
    assert not home.exists()
    with ThreadPoolExecutor(8) as threads:
        made = {key.key_id for key in threads.map(LedgerKey.of, [home] * 8)}
    assert os.listdir(home) == [FILE]
    existing = LedgerKey.existing(home)
    assert existing is not None
    assert made == {existing.key_id}


def test_a_signature_is_of_one_key_and_one_message(tmp_path: Path) -> None:
    """Another key, another message, or something of another size is none."""
    key, other = LedgerKey.of(tmp_path / "one"), LedgerKey.of(tmp_path / "two")
    signature = key.sign(b"message")
    assert signed_by(key.public, signature, b"message")
    assert not signed_by(other.public, signature, b"message")
    assert not signed_by(key.public, signature, b"massage")
    assert not signed_by(key.public, signature[:-1], b"message")
    assert not signed_by(key.public, b"", b"message")


def test_the_id_is_of_the_raw_public_key(tmp_path: Path) -> None:
    """Whichever way the key came, its id is the same, and anybody can compute it."""
    key = LedgerKey.of(tmp_path)
    assert key.key_id == f"SHA256:{hashlib.sha256(bytes.fromhex(key.public_hex)).hexdigest()}"
    for public in (public_from_hex(key.public_hex), public_from_pem(pem(key.public))):
        assert (key_id(public), raw(public)) == (key.key_id, raw(key.public))


def private(encryption: KeySerializationEncryption) -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def of_another_kind() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: b"", "not a private key"),
        (lambda: private(NoEncryption())[:60], "not a private key"),
        (lambda: private(BestAvailableEncryption(b"x")), "not a private key without a passphrase"),
        (of_another_kind, "not an Ed25519 key"),
    ],
)
def test_a_file_that_is_no_such_key(tmp_path: Path, content: Callable[[], bytes], said: str) -> None:
    """The error names the file, and the file stays as it is: nobody's key is written over."""
    (tmp_path / FILE).write_bytes(content())
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(PermanentError, match=said) as failed:
        LedgerKey.of(tmp_path)
    assert failed.value.where == str(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_home_that_holds_no_files(tmp_path: Path) -> None:
    """A key that cannot be made, or read, is a temporary error that names the place."""
    (tmp_path / "home").write_text("a file")
    with pytest.raises(LedgerError, match="the ledger's key cannot be made: File exists"):
        LedgerKey.of(tmp_path / "home")
    (tmp_path / FILE).mkdir()
    with pytest.raises(LedgerError, match="the ledger's key cannot be read: Is a directory"):
        LedgerKey.of(tmp_path)


def test_what_is_no_public_key(tmp_path: Path) -> None:
    """A private key, a key of another kind, and a key in another form are none."""
    key = LedgerKey.of(tmp_path)
    ec = generate_private_key(SECP256R1()).public_key()
    for data, said in (
        ((tmp_path / FILE).read_bytes(), "Valid PEM but no BEGIN PUBLIC KEY"),
        (ec.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "not an Ed25519 key"),
        (key.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "not a PEM file"),
        (key.public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), "not a PEM file"),
    ):
        with pytest.raises(ValueError, match=said):
            public_from_pem(data)


async def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    """Mode 600, whatever the umask."""
    before = os.umask(0)
    try:
        async with await Ledger.open(None, tmp_path / "home") as ledger:
            await ledger.append(noticed(), actor="x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "home" / "ledger.key").stat().st_mode) == 0o600
