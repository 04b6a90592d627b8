"""What a plan will do, in a sentence; how long it takes, by how long it took before; what it interrupts. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from retrust.models import DELETE_PIN, Endpoint, Plan, Step
from retrust_plugins.console.board import named

if TYPE_CHECKING:
    from retrust.ledger import TimeTaken

READ, INTERRUPTING = "read", "interrupting"
LIKE = 5
"""So many of the last times say how long a step takes."""


@dataclass(frozen=True)
class Foretold:
    will: str
    takes: str
    interrupts: str


def foretell(
    plan: Plan, left: Sequence[Step], nodes: Mapping[str, Endpoint], site: str, taken: Sequence[TimeTaken]
) -> Foretold:
    """``left`` are the steps that are still to do, ``taken`` earlier ones of their kinds, newest first."""
    names = {str(e): node for node, e in nodes.items()} | {e.host: node for node, e in nodes.items()}
    return Foretold(_will(plan, left, names), _takes(left, site, taken), _interrupts(left))


def _will(plan: Plan, left: Sequence[Step], nodes: Mapping[str, str]) -> str:
    findings = {f.pin.edge: f for f in plan.snapshot.findings}
    pins, why = [], ""
    for step in left:
        if finding := findings.get(step.unpins or ""):
            peer = nodes.get(str(finding.endpoint), str(finding.endpoint))
            pins.append(f"the old pin of {peer} on {step.holder}")
            why = why or f", because {peer} {_reason(finding.reasons)}"
    does = [f"delete {_listed(pins)}{why}"] if pins else []
    does += [
        f"{spoken(step.kind)} {nodes.get(step.argument, step.argument)}"
        + (f" (only if {step.when})" if step.when else "")
        for step in left
        if step.kind != DELETE_PIN and step.risk != READ
    ]
    return f"Retrust will {', then '.join(does)}."


def _reason(reasons: Sequence[str]) -> str:
    return reasons[0] if reasons and reasons[0].startswith("presents") else "presents another certificate"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def spoken(kind: str) -> str:
    """``register-ha`` as people say it: register HA."""
    verb, *rest = kind.split("-")
    return " ".join([verb, *(word if word == "pin" else named(word) for word in rest)])


def _takes(left: Sequence[Step], site: str, taken: Sequence[TimeTaken]) -> str:
    """By the median of the same step here, else of its kind at other such sites, else what the plan allows for it."""
    total, sources = timedelta(), set()
    for step in left:
        of_kind = [t for t in taken if t.kind == step.kind]
        here = [t for t in of_kind if t.site == site and t.argument == step.argument]
        lasted, source = _median(here or of_kind), "here" if here else "elsewhere"
        total += lasted if lasted is not None else timedelta(seconds=step.takes)
        sources.add("plan" if lasted is None else source)
    if sources == {"plan"}:
        return f"It takes at most {spelled(total)}: it was not done before."
    how = {"here": "as it took here before", "elsewhere": "as it took at other sites"}
    said = " and ".join(said for name, said in how.items() if name in sources)
    rest = "; for what was not done before, the plan's limit is counted" if "plan" in sources else ""
    return f"It takes about {spelled(total)}, {said}{rest}."


def _median(times: Iterable[TimeTaken]) -> timedelta | None:
    seconds = [(t.done_at - t.begun_at).total_seconds() for t in times][:LIKE]
    return timedelta(seconds=statistics.median(seconds)) if seconds else None


def spelled(time: timedelta) -> str:
    """A duration as people say it, to the minute, but for what is shorter than one."""
    seconds = round(time.total_seconds())
    if seconds < 60:
        return _count(max(1, seconds), "second")
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join(([_count(hours, "hour")] if hours else []) + ([_count(minutes, "minute")] if minutes else []))


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _interrupts(left: Sequence[Step]) -> str:
    said = [
        f"{named(step.relation or step.argument)} is interrupted by “{spoken(step.kind)}”"
        + (", only if that is needed" if step.when else "")
        + (f"; afterwards: {step.after}" if step.after else "")
        for step in left
        if step.risk == INTERRUPTING
    ]
    return f"{'. '.join(said)}." if said else "Nothing is interrupted."
