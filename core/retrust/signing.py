"""Signed decisions: a person's SSH key signs a plan's digest, in the format of ``ssh-keygen -Y sign``.

Who may sign for whom is said by an allowed-signers file, so that an auditor needs nothing of ours::

    ssh-keygen -Y verify -f ALLOWED_SIGNERS -I NAME -n retrust -s DECISION.sig < DECISION.digest

A signature says yes to the digest and to nothing else: a no closes its gate without one. Keys stay where
they are: in a file, whose passphrase is asked for and forgotten, or in the person's agent, which also speaks
for a FIDO token. Whether a decision counts is ``retrust.policy``'s.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from retrust.errors import InventoryError, PermanentError, UsageError

if TYPE_CHECKING:
    from asyncssh import SSHKeyPair

NAMESPACE = "retrust"
LARGEST = 16_384
"""Characters of a signature; the largest RSA key in use needs a quarter of that."""

_MAGIC, _VERSION, _HASH = b"SSHSIG", 1, b"sha512"


Ask = Callable[[str], str]
TRIES = 3


async def sign(digest: str, key: Path | None = None, ask: Ask | None = None) -> str:
    """The armoured signature of a digest, by the key in a file, or by the first key of the agent.

    ``ask`` puts a question to the person and returns what they typed unseen; None where nobody can be asked.
    """
    if key is not None and not key.name.endswith(".pub"):
        return await _signed(digest, _from_file(key, ask))
    import asyncssh

    try:
        async with asyncssh.connect_agent() as agent:
            pairs = list(await agent.get_keys())
            return await _signed(digest, _chosen(pairs, key))
    except OSError as exc:
        raise UsageError(f"no SSH agent answers: {exc.strerror or exc}", hint=_HINT) from exc


_HINT = "start one and `ssh-add` your key, or name the key's file: --key FILE"


def _from_file(path: Path, ask: Ask | None) -> SSHKeyPair:
    """The key of a file; an encrypted one is opened with a passphrase that lives no longer than this call."""
    import asyncssh

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
            raise UsageError("is encrypted, and nobody can be asked for its passphrase here", where=str(path),
                             hint=f"`ssh-add {path}`, then --key {path}.pub")
        if tried < TRIES:
            passphrase = ask(f"Passphrase of {path}: ")
    raise UsageError(f"is not opened by that passphrase, asked for {TRIES} times", where=str(path))


def _chosen(pairs: list[SSHKeyPair], public: Path | None) -> SSHKeyPair:
    """The agent's key that a ``.pub`` file names, or its first."""
    import asyncssh

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


async def _signed(digest: str, pair: SSHKeyPair) -> str:
    if pair.algorithm == b"ssh-rsa":
        pair.set_sig_algorithm(b"rsa-sha2-512")
    try:
        signature = await _by(pair, _to_sign(digest))
    except ValueError as exc:
        raise PermanentError(f"the key did not sign: {exc}") from exc
    blob = (_MAGIC + _VERSION.to_bytes(4, "big") + _string(pair.public_data) + _string(NAMESPACE.encode())
            + _string(b"") + _string(_HASH) + _string(signature))
    return _armoured(blob)


async def _by(pair: SSHKeyPair, data: bytes) -> bytes:
    """An agent's key signs over its socket; a key of a file signs here."""
    from asyncssh import SSHAgentKeyPair

    return await pair.sign_async(data) if isinstance(pair, SSHAgentKeyPair) else pair.sign(data)


def _to_sign(digest: str) -> bytes:
    hashed = hashlib.sha512(digest.encode()).digest()
    return _MAGIC + _string(NAMESPACE.encode()) + _string(b"") + _string(_HASH) + _string(hashed)


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _armoured(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[start:start + 70] for start in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def objection(signature: str, digest: str, actor: str, allowed_signers: Path | None) -> str | None:
    """None where the signature is this person's over this digest; otherwise what is wrong with it."""
    if allowed_signers is None:
        return "the inventory names no signing.allowed_signers, so no signature can be checked"
    if len(signature) > LARGEST:
        return "the signature is too long to be one"
    name = actor.removeprefix("person:")
    if _namespace(signature) != NAMESPACE:
        return f"the signature is not one for {NAMESPACE!r}"
    if not _is_valid(signature, digest, name, allowed_signers):
        return f"the signature is not {name}'s over {digest}, by {allowed_signers.name}"
    return None


def _namespace(signature: str) -> str | None:
    """What the signature was made for; asyncssh takes it from there, and would take any."""
    body = "".join(line.strip() for line in signature.splitlines() if not line.startswith("-----"))
    try:
        blob = base64.b64decode(body, validate=True)
    except ValueError:
        return None
    rest = blob[len(_MAGIC) + 4:]
    for _ in ("public key", "namespace"):
        size = int.from_bytes(rest[:4], "big")
        value, rest = rest[4:4 + size], rest[4 + size:]
    return value.decode(errors="replace")


def _is_valid(signature: str, digest: str, name: str, allowed_signers: Path) -> bool:
    import asyncssh
    from asyncssh.sshsig import import_allowed_signers

    try:
        allowed = import_allowed_signers(allowed_signers.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InventoryError(f"cannot be read: {exc.strerror}", where=str(allowed_signers)) from exc
    except ValueError as exc:
        raise InventoryError(f"is no allowed-signers file: {exc}", where=str(allowed_signers)) from exc
    try:
        return asyncssh.validate_sshsig(digest.encode(), signature.strip().encode() + b"\n", name, allowed)
    except (ValueError, asyncssh.Error):
        return False
