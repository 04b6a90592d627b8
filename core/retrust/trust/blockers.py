"""When Retrust can go no further by itself: what is in the way, and what a person must supply. Pure.

An unhealthy relation is never *nothing to do*, and an endpoint that does not answer is never guessed about.
"""

from __future__ import annotations

from retrust.errors import PersonNeeded, Refused, RetrustError, TemporaryError
from retrust.models import Finding, Grade, Relation, Snapshot, Verdict


def help_needed(snapshot: Snapshot, *, unread: bool = True) -> RetrustError | None:
    """Why a site without a stale pin is not simply healthy; None where it is.

    ``unread`` is whether a relation that could not be read counts, too.
    """
    if silence := unanswered(snapshot):
        return silence
    for name, relation in snapshot.relations.items():
        if relation is None and not unread:
            continue
        if (relation is None or relation.healthy is not True) and (needed := _of_relation(snapshot, name, relation)):
            return needed
    return None


def _of_relation(snapshot: Snapshot, name: str, relation: Relation | None) -> PersonNeeded | None:
    unproven = [f.pin.edge for f in snapshot.findings if f.relation == name and f.verdict is Verdict.UNPROVEN]
    if relation is None and not unproven:
        return None
    status = f"is {relation.status!r}" if relation else "could not be read"
    if relation and relation.detail:
        status += f" ({relation.detail})"
    if unproven:
        return PersonNeeded(
            f"{name} {status}, and no pin of it is known to be stale",
            where=snapshot.site,
            hint=f"hand in the log line (retrust event log FILE), or name the pin to `retrust run`: "
            f"--include {' --include '.join(unproven)}",
        )
    return PersonNeeded(
        f"{name} {status}, and none of its own pins is stale",
        where=snapshot.site,
        hint="look at the target itself; Retrust changes nothing here",
    )


def unanswered(snapshot: Snapshot) -> TemporaryError | None:
    """An endpoint that does not answer, and whose relation is not demonstrably healthy all the same."""
    for finding in snapshot.findings:
        relation = snapshot.relations.get(finding.relation or "")
        if finding.endpoint is None or finding.presented is not None or (relation and relation.healthy is True):
            continue
        problem = next((p for p in snapshot.problems if str(finding.endpoint) in p), None)
        return TemporaryError(
            problem or f"{finding.endpoint} does not answer",
            where=finding.pin.edge,
            hint="bring it up, or let this machine reach it, and run again",
        )
    return None


def contradiction(finding: Finding) -> Refused:
    """The refusal that a contradicted edge deserves, quoting who contradicts."""
    said = "; ".join(f"{c.collector}: {c.detail}" for c in finding.evidence.collected if c.grade is Grade.CONTRADICTED)
    return Refused(
        f"what is seen of {finding.pin.edge} looks like an interception: {said}",
        where=finding.pin.holder,
        hint="nothing was deleted; find out who answers on that path before anything else",
    )
