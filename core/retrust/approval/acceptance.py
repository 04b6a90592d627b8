"""A node's changed host key or web certificate: how it is found, and how a person accepts it.

A node that presents another identity than the inventory names stops the run. That is a finding of the site's
case, with both fingerprints; a person who compared the new one out of band accepts it, by the rules of the
gate ``security``, and it counts in place of the inventory's from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrust.actors import UNKNOWN, person_key, same_person
from retrust.approval.decisions import MayNotDecide
from retrust.approval.required import approvers_of
from retrust.approval.tokens import roles_of
from retrust.errors import ChangedIdentity, UsageError
from retrust.ledger.entries import IdentityAgreed, IdentityChanged

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.inventory import Site
    from retrust.ledger import AcceptedIdentity, Case, Ledger

Identities = dict[tuple[str, str], tuple[str, ...]]
"""``(node, kind) → fingerprints``; ``kind`` is ``host key`` or ``web certificate``."""


def accepted(identities: Iterable[AcceptedIdentity]) -> Identities:
    """What a connection may use; the last word of each kind counts."""
    return {(i.node, i.kind): (i.fingerprint,) for i in sorted(identities, key=lambda i: i.at)}


async def record_change(ledger: Ledger, case: Case, error: ChangedIdentity, *, actor: str, run: str) -> None:
    """Keep the finding and raise the alarm, unless it is the node's last one; and say how it is accepted."""
    change = IdentityChanged.model_validate(
        {"node": error.node, "kind": error.kind, "expected": error.expected, "presented": error.presented}
    )
    error.hint = (
        f"{error.hint}; if it is the node's own: retrust accept {case.site} {change.node} --kind "
        f"'{change.kind}' --fingerprint {change.presented} --reason …"
    )
    if [known for _, known in await _changes(ledger, case, change.node, change.kind)][-1:] == [change]:
        return
    await ledger.append(change, actor=actor, run=run, case=case.id, site=case.site)
    await ledger.alarm("changed identity", str(error), actor=actor, site=case.site, case=case.id, run=run)


async def _changes(ledger: Ledger, case: Case, node: str, kind: str) -> list[tuple[str, IdentityChanged]]:
    """Who found what of this node, in this case."""
    return [
        (entry.actor, entry.body)
        for entry in await ledger.entries(case=case.id, kinds=("identity-changed",))
        if isinstance(entry.body, IdentityChanged) and (entry.body.node, entry.body.kind) == (node, kind)
    ]


async def accept(
    host: Host, ledger: Ledger, site: Site, *, node: str, kind: str, fingerprint: str, actor: str, reason: str
) -> int:
    """Take the changed identity for the node's own; returns how many more persons must say so.

    Only what a run has found can be accepted, and only by its whole fingerprint, so that nobody says yes to
    what they did not compare.
    """
    case = await ledger.open_case_of(site.name)
    found = await _changes(ledger, case, node, kind) if case else []
    if case is None or not found:
        raise UsageError(
            f"no open case of {site.name} has found a changed {kind} of {node!r}",
            hint=f"run it first: retrust run {site.name}",
        )
    finder, change = found[-1]
    if fingerprint.strip().rstrip("=") != change.presented.rstrip("="):
        raise UsageError(
            f"{node} presented {change.presented}, not {fingerprint}",
            where=f"case {case.id}",
            hint="give the whole fingerprint, as you compared it out of band",
        )
    if objection := _objection(host, site, case, finder, actor, reason):
        raise MayNotDecide(objection, where=f"case {case.id}")
    await ledger.append(IdentityAgreed(**change.model_dump(), reason=reason), actor=actor, case=case.id, site=site.name)
    missing = await _missing(host, ledger, site, case, change, finder)
    if missing <= 0:
        await ledger.accept_identity(
            site=site.name, node=node, kind=kind, fingerprint=change.presented, actor=actor, reason=reason, case=case.id
        )
    return max(missing, 0)


def _objection(host: Host, site: Site, case: Case, finder: str, actor: str, reason: str) -> str | None:
    """Why this person may not; where the inventory names no people, whoever is at the terminal may."""
    if not reason.strip():
        return "a decision needs a reason"
    if not host.inventory.people:
        return None
    if actor.removeprefix("person:") not in host.inventory.people:
        return f"{actor} is not among the people of the inventory"
    if same_person(actor, finder) or same_person(actor, case.requested_by):
        return f"{actor} started the run that found it, and may not accept it"
    roles = approvers_of(host.inventory, site, host.gates).roles
    if roles and not set(roles) & set(roles_of(host.inventory, actor)):
        return f"accepting an identity asks for the role {' or '.join(roles)}; {actor} does not have this role"
    return None


async def _missing(host: Host, ledger: Ledger, site: Site, case: Case, change: IdentityChanged, finder: str) -> int:
    """How many more must say so: two at least where nobody is known to have started the run that found it."""
    agreed = {
        person_key(entry.actor)
        for entry in await ledger.entries(case=case.id, kinds=("identity-agreed",))
        if isinstance(entry.body, IdentityAgreed)
        and entry.body.change == change
        and _objection(host, site, case, finder, entry.actor, entry.body.reason) is None
    }
    least = 2 if UNKNOWN in (finder, case.requested_by) else 1
    return max(least, approvers_of(host.inventory, site, host.gates).approvers) - len(agreed)
