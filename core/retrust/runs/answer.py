"""What a look found, in one line: the site, what is wrong, how well it is proven, and the command that comes next.

``campus: HA down, 1 stale pin, proven → retrust plan campus``. Pure; it agrees with ``reaching.exit_code``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from retrust.models import Finding, Grade, Snapshot, Verdict
from retrust.runs.reaching import asks_somebody

_WEAKEST = (Grade.NONE, Grade.SUPPORTED, Grade.PROVEN)
_WORDS = {Grade.NONE: "without evidence", Grade.SUPPORTED: "supported", Grade.PROVEN: "proven"}


def answer(snapshot: Snapshot, label: Callable[[str], str] = str, then: str | None = None) -> str:
    """``label`` gives a relation's name for people; ``then`` is the next command where the caller knows better."""
    wrong = list(_wrong(snapshot, label))
    if not wrong:
        return f"{snapshot.site}: healthy, {_counted(len(snapshot.findings), 'pin')} listed"
    return f"{snapshot.site}: {', '.join(wrong)} → {then or f'retrust {_next(snapshot)} {snapshot.site}'}"


def _wrong(snapshot: Snapshot, label: Callable[[str], str]) -> Iterator[str]:
    if refused := [f for f in snapshot.findings if f.evidence.grade is Grade.CONTRADICTED]:
        yield f"possible interception at {_counted(len(refused), 'pin')}"
    for name, relation in snapshot.relations.items():
        if relation is not None and relation.healthy is not True:
            yield f"{label(name)} {'down' if relation.healthy is False else 'not known to be healthy'}"
    if stale := _of(snapshot, Verdict.STALE):
        weakest = next((grade for grade in _WEAKEST if any(f.evidence.grade is grade for f in stale)), None)
        yield _counted(len(stale), "stale pin")
        if weakest is not None:
            yield _WORDS[weakest]
    elif not refused and (unproven := [f for f in _of(snapshot, Verdict.UNPROVEN) if asks_somebody(f, snapshot)]):
        yield _counted(len(unproven), "unproven pin")
    if silent := {str(f.endpoint) for f in snapshot.findings if f.presented is None and f.endpoint is not None}:
        yield f"{min(silent)} does not answer" if len(silent) == 1 else f"{len(silent)} servers do not answer"
    if snapshot.problems:
        yield _counted(len(snapshot.problems), "problem")


def _of(snapshot: Snapshot, verdict: Verdict) -> Sequence[Finding]:
    return [f for f in snapshot.findings if f.verdict is verdict]


def _next(snapshot: Snapshot) -> str:
    if any(f.evidence.grade is Grade.CONTRADICTED for f in snapshot.findings):
        return "check -v"
    if snapshot.problems:
        return "doctor"
    if _of(snapshot, Verdict.STALE):
        return "plan"
    broken = any(r is not None and r.healthy is not True for r in snapshot.relations.values())
    silent = any(f.presented is None and f.endpoint is not None for f in snapshot.findings)
    return "doctor" if broken or silent else "check -v"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
