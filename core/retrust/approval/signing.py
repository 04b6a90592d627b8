"""What a person's SSH key signs: a yes to a plan, or that it is they who are here; as ``ssh-keygen -Y sign`` does.

Whose keys count is the inventory's word: ``ssh_keys`` of each person, and an allowed-signers file. An auditor needs
nothing of ours::

    ssh-keygen -Y verify -f ALLOWED_SIGNERS -I NAME -n retrust -s DECISION.sig < DECISION.signed

A kept signature says yes to one plan of one case and to nothing else: a no closes its gate without one. Keys stay
where they are: in a file, whose passphrase is asked for and forgotten, or in the person's agent, which also speaks
for a FIDO token. Whether a decision counts is ``retrust.approval``'s.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from retrust.errors import InventoryError, PermanentError, UsageError

if TYPE_CHECKING:
    from asyncssh import SSHKeyPair

    from retrust.inventory import Inventory

NAMESPACE = "retrust"
LARGEST = 16_384
"""Characters of a signature; the largest RSA key in use needs a quarter of that."""

_MAGIC, _VERSION, _HASH = b"SSHSIG", 1, b"sha512"


Ask = Callable[[str], str]
TRIES = 3


def statement(case: str, digest: str) -> str:
    """What a yes signs: with the case in it, a yes of one case is none in another that plans the same."""
    return f"yes {case} {digest}"


def challenge() -> str:
    """What shows that a key is here now, and decides nothing; a new text each time."""
    return f"here {secrets.token_hex(32)}"


async def sign(text: str, key: Path | None = None, ask: Ask | None = None) -> str:
    """The armoured signature of a text, by the key in a file, or by the first key of the agent.

    ``ask`` puts a question to the person and returns what they typed unseen; None where nobody can be asked.
    """
    if key is not None and not key.name.endswith(".pub"):
        return await _signed(text, _from_file(key, ask))
    import asyncssh

    try:
        async with asyncssh.connect_agent() as agent:
            pairs = list(await agent.get_keys())
            return await _signed(text, _chosen(pairs, key))
    except OSError as exc:
        raise UsageError(f"no SSH agent answers: {exc.strerror or exc}", hint=_HINT) from exc


_HINT = "start one and `ssh-add` your key, or name the key's file: --sign-with FILE"


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


async def _signed(text: str, pair: SSHKeyPair) -> str:
    if pair.algorithm == b"ssh-rsa":
        pair.set_sig_algorithm(b"rsa-sha2-512")
    try:
        signature = await _by(pair, _to_sign(text))
    except ValueError as exc:
        raise PermanentError(f"the key did not sign: {exc}") from exc
    blob = (
        _MAGIC
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
    from asyncssh import SSHAgentKeyPair

    return await pair.sign_async(data) if isinstance(pair, SSHAgentKeyPair) else pair.sign(data)


def _to_sign(text: str) -> bytes:
    hashed = hashlib.sha512(text.encode()).digest()
    return _MAGIC + _string(NAMESPACE.encode()) + _string(b"") + _string(_HASH) + _string(hashed)


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _armoured(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def objection(signature: str, text: str, actor: str, inventory: Inventory) -> str | None:
    """None where the signature is this person's over this text; otherwise what is wrong with it."""
    name = actor.removeprefix("person:")
    keys = list(_keys_of(name, inventory))
    if not keys:
        return f"the inventory names no key of {name}: neither people.{name}.ssh_keys nor signing.allowed_signers"
    if len(signature) > LARGEST:
        return "the signature is too long to be one"
    if _namespace(signature) != NAMESPACE:
        return f"the signature is not one for {NAMESPACE!r}"
    if not any(_is_valid(signature, text, principal, lines, where) for principal, lines, where in keys):
        return f"the signature is not {name}'s over {text!r}, by the keys that the inventory names"
    return None


def signer(signature: str, text: str, inventory: Inventory) -> str | None:
    """The one person of the inventory whose signature over this text it is."""
    found = [name for name in inventory.people if objection(signature, text, name, inventory) is None]
    return found[0] if len(found) == 1 else None


def _keys_of(name: str, inventory: Inventory) -> Iterator[tuple[str, str, str]]:
    """Principal, allowed-signers lines and where they are from; a key in the inventory has no name to be matched."""
    person = inventory.people.get(name)
    for key in person.ssh_keys if person else ():
        yield "person", f"person {key}\n", f"people.{name}.ssh_keys"
    if inventory.signing is not None:
        path = inventory.signing.allowed_signers
        try:
            yield name, path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as exc:
            raise InventoryError(
                f"cannot be read: {getattr(exc, 'strerror', None) or 'it is not UTF-8'}", where=str(path)
            ) from exc


def _namespace(signature: str) -> str | None:
    """What the signature was made for; asyncssh takes it from there, and would take any."""
    body = "".join(line.strip() for line in signature.splitlines() if not line.startswith("-----"))
    try:
        blob = base64.b64decode(body, validate=True)
    except ValueError:
        return None
    rest = blob[len(_MAGIC) + 4 :]
    for _ in ("public key", "namespace"):
        size = int.from_bytes(rest[:4], "big")
        value, rest = rest[4 : 4 + size], rest[4 + size :]
    return value.decode(errors="replace")


def _is_valid(signature: str, text: str, principal: str, lines: str, where: str) -> bool:
    import asyncssh
    from asyncssh.sshsig import import_allowed_signers

    try:
        allowed = import_allowed_signers(lines)
    except ValueError as exc:
        raise InventoryError(f"is no allowed-signers file: {exc}", where=where) from exc
    try:
        return asyncssh.validate_sshsig(text.encode(), signature.strip().encode() + b"\n", principal, allowed)
    except (ValueError, asyncssh.Error):
        return False
