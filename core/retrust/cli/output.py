"""Text for people: snapshots, plans and runs, in a terminal's colours or in plain lines.

Progress and messages go to stderr, results to stdout. Rich is imported only where a terminal shows it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from secrets import token_hex
from typing import Any

from retrust.errors import InventoryError, RetrustError
from retrust.models import DELETE_PIN, Finding, GateState, Grade, Plan, Snapshot, Verdict
from retrust.present.json import plan_object
from retrust.present.text import escaped, escaped_json

COLOURS = {
    Verdict.FRESH: "green",
    Verdict.STALE: "yellow",
    Verdict.UNPROVEN: "magenta",
    Verdict.SELF: "bright_black",
    Verdict.UNKNOWN: "bright_black",
    Grade.PROVEN: "green",
    Grade.SUPPORTED: "yellow",
    Grade.NONE: "magenta",
    Grade.CONTRADICTED: "red",
}
_PAINT = f"\ufdd0{token_hex(8)}:"  # known to this process alone, so that no text brings colours of its own
_PAINTED = re.compile(f"{_PAINT}(\\d+);")
_CODES = {"green": "32", "yellow": "33", "magenta": "35", "red": "31", "bright_black": "90", "bold": "1", "cyan": "36"}


def paint(text: str, colour: str) -> str:
    """``text`` in a colour where stdout is a terminal."""
    return f"{_PAINT}{_CODES[colour]};{text}{_PAINT}0;" if sys.stdout.isatty() else text


def shown(text: str) -> str:
    """As it may be written to a terminal: our own colours, and no control character of anybody else's."""
    return _PAINTED.sub("\033[\\1m", escaped(text))


def print_json(value: Any) -> None:
    sys.stdout.write(escaped_json(json.dumps(value, indent=2, ensure_ascii=False)) + "\n")


def say(text: str) -> None:
    """A message about the work, not its result."""
    sys.stderr.write(f"{shown(text)}\n")
    sys.stderr.flush()


def say_error(error: RetrustError) -> None:
    """What happened, where, and what to do; of an inventory each problem, with its file, line and key."""
    if isinstance(error, InventoryError) and error.problems:
        say("\n".join(map(str, error.problems)))
        return
    say(f"retrust: {error.where}: {error.what}" if error.where else f"retrust: {error.what}")
    if error.hint:
        say(f"  → {error.hint}")


def show(lines: Iterable[str]) -> None:
    """Each line is one line, whatever somebody wrote into it."""
    sys.stdout.write("".join(shown(line).replace("\n", "\\n") + "\n" for line in lines))
    sys.stdout.flush()


def snapshot_lines(snapshot: Snapshot) -> Iterable[str]:
    yield paint(f"site {snapshot.site}", "bold")
    for finding in snapshot.findings:
        yield from _finding_lines(finding)
    for name, relation in snapshot.relations.items():
        status = "not to be told over SSH" if relation is None else relation.status or "unreadable"
        colour = {True: "green", False: "red"}.get(relation.healthy if relation else None, "bright_black")  # type: ignore[arg-type]
        yield f"  {name}: {paint(status, colour)}"
    for problem in snapshot.problems:
        yield f"  {paint('problem', 'red')}: {problem}"


def _finding_lines(finding: Finding) -> Iterable[str]:
    verdict = paint(f"{finding.verdict.value:<9}", COLOURS[finding.verdict])
    yield f"  {verdict} {finding.pin.edge}  {finding.pin.subject.strip()}"
    for reason in finding.reasons:
        yield f"            {reason}"
    if finding.presented is not None and finding.verdict is not Verdict.FRESH:
        yield f"            presents {finding.presented.fingerprint}"
    if finding.verdict in (Verdict.STALE, Verdict.UNPROVEN) or finding.evidence.grade is Grade.CONTRADICTED:
        yield f"            evidence: {paint(finding.evidence.grade.value, COLOURS[finding.evidence.grade])}"
        for said in finding.evidence.collected:
            yield f"              {said.collector}: {said.detail}"


def plan_lines(plan: Plan, gates: Iterable[GateState]) -> Iterable[str]:
    planned = {f.pin.edge: {"line": f.pin.line} for f in plan.unpinned}
    yield from planned_lines(plan_object(plan.snapshot, plan, gates), planned)


def planned_lines(plan: Mapping[str, Any], planned: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """A plan as ``plan --json`` has it, with what is known of the pins it deletes, by edge."""
    yield ""
    yield paint("plan", "bold") + f"  {plan['digest']}"
    for step in plan["steps"]:
        yield from _step_lines(step, planned)
    yield from (f"  {paint('note', 'yellow')}: {sentence}" for sentence in plan["unseen"])
    yield from gate_object_lines(plan["gates"])


def _step_lines(step: Mapping[str, Any], planned: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    deletes = step["kind"] == DELETE_PIN
    yield (
        f"  {paint('-', 'red') if deletes else paint('+', 'green')} {step['kind']} {step['argument']}  "
        f"on {step['holder']}"
    )
    if deletes and (pin := planned.get(f"{step['holder']}:{step['argument']}")):
        yield f"      {paint('- ' + pin['line'].strip(), 'red')}"
    for fingerprint in dict.fromkeys(step["expected"].values()):
        yield f"      {paint('+ expects ' + fingerprint, 'green')}"
    for sent in step["sends"]:
        yield f"      sends: {sent}"
    if step["when"]:
        yield f"      only if {step['when']}"
    yield f"      {'undo: ' + step['undo'] if step['undo'] else paint('cannot be undone', 'yellow')}"


def gate_lines(gates: Iterable[GateState]) -> Iterable[str]:
    return gate_object_lines(gate.model_dump() for gate in gates)


def gate_object_lines(gates: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for gate in gates:
        state = paint(gate["state"], "green" if gate["state"] == "open" else "yellow")
        yield f"  gate {gate['gate']}: {state}" + (f", needs {gate['needs']}" if gate["needs"] else "")


Teller = Callable[[str], None]
