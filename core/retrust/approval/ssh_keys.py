"""A person's SSH key signs a text, as ``ssh-keygen -Y sign`` does.

Keys stay where they are: in a file, whose passphrase is asked for and forgotten, or in the person's agent, which also
speaks for a FIDO token. What is signed, and whose signature counts, is said in ``signing``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import asyncssh
from asyncssh import SSHAgentKeyPair, SSHKeyPair

from retrust.approval.signing import MAGIC, NAMESPACE
from retrust.errors import PermanentError, UsageError

Ask = Callable[[str], str]
TRIES = 3
_VERSION, _HASH = 1, b"sha512"


async def sign(text: str, key: Path | None = None, ask: Ask | None = None) -> str:
    """The armoured signature of a text, by the key in a file, or by the first key of the agent.

    ``ask`` puts a question to the person and returns what they typed unseen; None where nobody can be asked.
    """
    if key is not None and not key.name.endswith(".pub"):
        return await _signed(text, _from_file(key, ask))
    try:
        async with asyncssh.connect_agent() as agent:
            pairs = list(await agent.get_keys())
            return await _signed(text, _chosen(pairs, key))
    except OSError as exc:
        raise UsageError(f"no SSH agent answers: {exc.strerror or exc}", hint=_HINT) from exc


_HINT = "start one and `ssh-add` your key, or name the key's file: --sign-with FILE"


def _from_file(path: Path, ask: Ask | None) -> SSHKeyPair:
    """The key of a file; an encrypted one is opened with a passphrase that lives no longer than this call."""
    passphrase: str | None = None
    for tried in range(TRIES + 1):
        try:
            return asyncssh.load_keypairs([str(path)], passphrase=passphrase)[0]
        except OSError as exc:
            raise UsageError(f"cannot be read: {exc.strerror}", where=str(path)) from exc
        except asyncssh.KeyEncryptionError as exc:
            if not str(exc).startswith("Incorrect passphrase"):
                raise UsageError(f"cannot be opened: {exc}", where=str(path)) from exc
        except asyncssh.KeyImportError as exc:
            if passphrase is not None or "passphrase" not in str(exc).lower():
                raise UsageError(f"is no private key: {exc}", where=str(path)) from exc
        if ask is None:
            raise UsageError(
                "is encrypted, and nobody can be asked for its passphrase here",
                where=str(path),
                hint=f"`ssh-add {path}`, then --sign-with {path}.pub",
            )
        if tried < TRIES:
            passphrase = ask(f"Passphrase of {path}: ")
    raise UsageError(f"is not opened by that passphrase, asked for {TRIES} times", where=str(path))


def _chosen(pairs: list[SSHKeyPair], public: Path | None) -> SSHKeyPair:
    """The agent's key that a ``.pub`` file names, or its first."""
    if public is None:
        if not pairs:
            raise UsageError("the SSH agent holds no key", hint=_HINT)
        return pairs[0]
    try:
        wanted = asyncssh.read_public_key(str(public)).public_data
    except (OSError, asyncssh.KeyImportError) as exc:
        raise UsageError(f"is no public key: {exc}", where=str(public)) from exc
    for pair in pairs:
        if pair.public_data == wanted:
            return pair
    raise UsageError("the SSH agent does not hold this key", where=str(public), hint=_HINT)


async def _signed(text: str, pair: SSHKeyPair) -> str:
    if pair.algorithm == b"ssh-rsa":
        pair.set_sig_algorithm(b"rsa-sha2-512")
    try:
        signature = await _by(pair, _to_sign(text))
    except ValueError as exc:
        raise PermanentError(f"the key did not sign: {exc}") from exc
    blob = (
        MAGIC
        + _VERSION.to_bytes(4, "big")
        + _string(pair.public_data)
        + _string(NAMESPACE.encode())
        + _string(b"")
        + _string(_HASH)
        + _string(signature)
    )
    return _armoured(blob)


async def _by(pair: SSHKeyPair, data: bytes) -> bytes:
    """An agent's key signs over its socket; a key of a file signs here."""
    return await pair.sign_async(data) if isinstance(pair, SSHAgentKeyPair) else pair.sign(data)


def _to_sign(text: str) -> bytes:
    hashed = hashlib.sha512(text.encode()).digest()
    return MAGIC + _string(NAMESPACE.encode()) + _string(b"") + _string(_HASH) + _string(hashed)


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _armoured(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])
