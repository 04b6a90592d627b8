"""`accept`: a person trusts a node's new host key or web certificate, which they compared out of band."""

from __future__ import annotations

from kit.terminal import Terminal
from retrust.actors import UNKNOWN
from retrust.approval.acceptance import record_change
from retrust.errors import ChangedIdentity
from retrust.ledger import Ledger

NEW = f"SHA256:{'B' * 43}"


def accepting(kind: str = "host key", print_: str = NEW) -> tuple[str, ...]:
    return ("accept", "campus", "secondary", "--kind", kind, "--fingerprint", print_, "--reason", "read at the console")


async def found(ledger: Ledger, actor: str = "service") -> None:
    """A run that ``actor`` started has found the secondary's new identity."""
    changed = ChangedIdentity("host key", node="secondary", expected=(f"SHA256:{'A' * 43}",), presented=NEW)
    case = await ledger.open_case("campus", cause="a look", actor=actor)
    await record_change(ledger, case, changed, actor=actor, run="r1")


async def test_what_a_person_accepts_counts(terminal: Terminal) -> None:
    """The ledger holds who trusts what and why, and the next command is said."""
    await found(terminal.ledger)
    code, said = await terminal.type(*accepting(), key="ann")
    assert code == 0, said
    assert f"the host key of secondary is {NEW} from now on; go on: retrust run campus" in said
    (kept,) = await terminal.ledger.accepted_identities("campus")
    assert (kept.actor, kept.fingerprint, kept.reason) == ("person:ann", NEW, "read at the console")


async def test_where_nobody_is_known_two_must_accept(terminal: Terminal) -> None:
    """The first one ends with 3 and is told that one more is needed; after the second it counts."""
    await found(terminal.ledger, UNKNOWN)
    code, said = await terminal.type(*accepting(), key="ann")
    assert (code, "kept; 1 more must accept the host key of secondary" in said) == (3, True), said
    assert await terminal.ledger.accepted_identities("campus") == []
    assert (await terminal.type(*accepting(), key="ben"))[0] == 0


async def test_another_kind_of_identity_is_not_meant(terminal: Terminal) -> None:
    """Who accepts a web certificate has not accepted the host key that was found."""
    await found(terminal.ledger)
    code, said = await terminal.type(*accepting("web certificate"), key="ann")
    assert (code, "no open case of campus has found a changed web certificate" in said) == (2, True), said


async def test_another_kind_is_wrong_usage(terminal: Terminal) -> None:
    """The message names the two kinds that there are; nothing is kept."""
    before = (await terminal.ledger.head()).seq
    code, said = await terminal.type(*accepting("passport"), key="ann")
    assert (code, "'host key' or 'web certificate'" in said, "'passport'" in said) == (2, True, True), said
    assert (await terminal.ledger.head()).seq == before


async def test_half_a_fingerprint_is_refused(terminal: Terminal) -> None:
    """Only a whole fingerprint says which key was compared."""
    await found(terminal.ledger)
    code, said = await terminal.type(*accepting(print_=NEW[:20]), key="ann")
    assert (code, "give the whole fingerprint" in said) == (2, True), said
    assert await terminal.ledger.accepted_identities("campus") == []
