"""What a notification says: what happened, what it is about, and where to go. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from retrust.ledger import Case, Entry
from retrust.ledger.entries import AlarmRaised, CaseMoved, Reminded, TokenCreated
from retrust.models import Plan

Kind = Literal["info", "success", "warning", "failure"]

OCCASIONS: dict[str, tuple[str, Kind]] = {
    "waiting": ("waits for a decision", "warning"),
    "reminder": ("still waits for a decision", "warning"),
    "refused": ("REFUSED: this looks like an interception", "failure"),
    "healed": ("is healed", "success"),
    "failed": ("failed: a person must look", "failure"),
    "expired": ("expired: not decided in time", "warning"),
    "alarm": ("ALARM", "failure"),
    "token": ("a new token", "warning"),
}
LONGEST = 3000


@dataclass(frozen=True)
class Message:
    title: str
    body: str
    kind: Kind


def occasion_of(entry: Entry) -> str | None:
    """What a receiver can ask for; a case that only goes on waiting, pass after pass, is told once."""
    match entry.body:
        case AlarmRaised():
            return "alarm"
        case TokenCreated():
            return "token"
        case Reminded():
            return "reminder"
        case CaseMoved(was=was, state=state) if was != state and state in OCCASIONS:
            return state.value
    return None


def message(occasion: str, entry: Entry, case: Case | None, plan: Plan | None, address: str) -> Message:
    said, kind = OCCASIONS[occasion]
    lines = list(_lines(entry, plan))
    if case is not None:
        lines.append(f"{address}/cases/{case.id}")
    where = entry.site or "retrust"
    body = "\n".join(lines)
    return Message(
        f"[retrust] {where}: {said}" + (f" ({case.id})" if case else ""),
        body if len(body) <= LONGEST else f"{body[:LONGEST]}…",
        kind,
    )


def _lines(entry: Entry, plan: Plan | None) -> Iterator[str]:
    yield from (line for line in (entry.told("notification") or "").split("\n") if line)
    if plan is not None and plan.steps:
        yield f"plan {plan.digest[:19]}…, evidence {plan.grade.value}:"
        for step in plan.steps:
            only = f" (only if {step.when})" if step.when else ""
            yield f"  {step.kind} {step.argument} on {step.holder}{only}"
