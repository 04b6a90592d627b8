"""What a person's SSH key signs: a yes to a plan, or that it is they who are here; as ``ssh-keygen -Y sign`` does.

Whose keys count is the inventory's word: ``ssh_keys`` of each person, and an allowed-signers file. An auditor needs
nothing of ours::

    ssh-keygen -Y verify -f ALLOWED_SIGNERS -I NAME -n retrust -s DECISION.sig < DECISION.signed

A kept signature says yes to one plan of one case and to nothing else: a no closes its gate without one. A signature is
made in ``ssh_keys``; whether a decision counts is said in ``rules``.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrust.errors import InventoryError

if TYPE_CHECKING:
    from retrust.inventory import Inventory

NAMESPACE = "retrust"
LARGEST = 16_384
"""Characters of a signature; the largest RSA key in use needs a quarter of that."""

MAGIC = b"SSHSIG"


def statement(case: str, digest: str) -> str:
    """What a yes signs: with the case in it, a yes of one case is none in another that plans the same."""
    return f"yes {case} {digest}"


def challenge() -> str:
    """What shows that a key is here now, and decides nothing; a new text each time."""
    return f"here {secrets.token_hex(32)}"


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
    rest = blob[len(MAGIC) + 4 :]
    for _ in ("public key", "namespace"):
        size = int.from_bytes(rest[:4], "big")
        value, rest = rest[4 : 4 + size], rest[4 + size :]
    return value.decode(errors="replace")


def _is_valid(signature: str, text: str, principal: str, lines: str, where: str) -> bool:
    import asyncssh.sshsig  # heavy, and only some decisions are signed

    try:
        allowed = asyncssh.sshsig.import_allowed_signers(lines)
    except ValueError as exc:
        raise InventoryError(f"is no allowed-signers file: {exc}", where=where) from exc
    try:
        return asyncssh.validate_sshsig(text.encode(), signature.strip().encode() + b"\n", principal, allowed)
    except (ValueError, asyncssh.Error):
        return False
