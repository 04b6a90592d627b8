"""Text for people: snapshots, plans and runs, in a terminal's colours or in plain lines.

Progress and messages go to stderr, results to stdout. Rich is imported only where a terminal shows it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from secrets import token_hex
from typing import Any, TextIO

from retrust.cli import live
from retrust.errors import InventoryError, RetrustError
from retrust.models import DELETE_PIN, Finding, GateState, Grade, Plan, Snapshot, Verdict
from retrust.present.json import plan_object
from retrust.present.text import escaped, escaped_json
from retrust.runs.answer import answer
from retrust.runs.reaching import REFUSED, asks_somebody, exit_code

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
NARROWEST, WIDEST = 60, 200

verbosity = 0
"""What ``-v`` (1) and ``-q`` (-1) ask for."""


def paint(text: str, colour: str) -> str:
    """``text`` in a colour, where stdout is a terminal or FORCE_COLOR asks for it, and NO_COLOR does not forbid it."""
    coloured = sys.stdout.isatty() if os.environ.get("TERM") != "dumb" else False
    if os.environ.get("NO_COLOR") or not (coloured or os.environ.get("FORCE_COLOR")):
        return text
    return f"{_PAINT}{_CODES[colour]};{text}{_PAINT}0;"


def shown(text: str) -> str:
    """As it may be written to a terminal: our own colours, and no control character of anybody else's."""
    return _PAINTED.sub("\033[\\1m", escaped(text))


def _folded(line: str, stream: TextIO) -> str:
    """A line for a terminal, broken at blanks and set in; a fingerprint or a command is never broken inside."""
    if not stream.isatty():
        return line
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    first = re.match(r" *(?:\S+ {2,})?", line)
    inset = " " * max(2, min(first.end() if first else 0, width // 3))
    rows, length = [""], 0
    for blanks, word in re.findall(r"( *)(\S+)", line):
        size = len(_PAINTED.sub("", word))
        if length and length + len(blanks) + size > width:
            rows.append(inset)
            length, blanks = len(inset), ""
        rows[-1] += blanks + word
        length += len(blanks) + size
    return "\n".join(rows)


answered = False
"""Whether a document was printed; ``--json`` prints one, whatever happens."""


def print_json(value: Any) -> None:
    global answered
    answered = True
    live.stop()
    sys.stdout.write(escaped_json(json.dumps(value, indent=2, ensure_ascii=False)) + "\n")


def say(text: str) -> None:
    """A message about the work, not its result; `-q` leaves it out."""
    if verbosity >= 0:
        say_always(text)


def say_always(text: str) -> None:
    live.stop()
    sys.stderr.write("".join(f"{shown(_folded(escaped(line), sys.stderr))}\n" for line in text.split("\n")))
    sys.stderr.flush()


def say_error(error: RetrustError) -> None:
    """What happened, where, and what to do; of an inventory each problem, with its file, line and key."""
    if isinstance(error, InventoryError) and error.problems:
        say_always("\n".join(map(str, error.problems)))
        return
    say_always(f"retrust: {error.where}: {error.what}" if error.where else f"retrust: {error.what}")
    if error.hint:
        say_always(f"  → {error.hint}")


def show(lines: Iterable[str]) -> None:
    """Each line is one line, whatever somebody wrote into it; a terminal's width folds it."""
    live.stop()
    whole = (line.replace("\n", "\\n") for line in lines)
    sys.stdout.write("".join(shown(_folded(escaped(line), sys.stdout)) + "\n" for line in whole))
    sys.stdout.flush()


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Aligned columns below their heads; the last one is as long as it is."""
    widths = [max(len(row[n]) for row in (heads, *rows)) for n in range(len(heads) - 1)]
    for number, row in enumerate((heads, *rows)):
        line = "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]))
        yield line if number else paint(line, "bold")


def clear() -> None:
    """An empty screen for the next look of ``--watch``; elsewhere an empty line."""
    sys.stdout.write("\033[2J\033[H" if sys.stdout.isatty() else "\n")


def somebody_looks() -> bool:
    return sys.stderr.isatty() and verbosity >= 0


def working(text: str) -> AbstractContextManager[None]:
    """Something moves while the block runs, where somebody looks."""
    if not somebody_looks():
        return nullcontext()
    from retrust.cli.moving import spinner  # Rich takes a tenth of a second, for a terminal only

    return spinner(text)


def snapshot_lines(snapshot: Snapshot, label: Callable[[str], str] = str, then: str | None = None) -> Iterable[str]:
    """The answer in the first line, then what asks for a person; everything with `-v`, the answer alone with `-q`."""
    code = exit_code(snapshot)
    first = answer(snapshot, label, then)
    yield paint(first, "green" if code == 0 and not snapshot.problems else "red" if code == REFUSED else "bold")
    whole = verbosity > 0
    left = 0
    for finding in snapshot.findings if verbosity >= 0 else ():
        matters = asks_somebody(finding, snapshot) or finding.evidence.grade is Grade.CONTRADICTED
        if whole or matters or (finding.presented is None and finding.endpoint is not None):
            yield from _finding_lines(finding, whole=whole)
        else:
            left += finding.verdict is Verdict.UNPROVEN
    if verbosity < 0:
        return
    for name, relation in snapshot.relations.items():
        if whole or (relation is not None and relation.healthy is not True):
            status = "not visible over SSH" if relation is None else relation.status or "unreadable"
            colour = {True: "green", False: "red"}.get(relation.healthy if relation else None, "bright_black")  # type: ignore[arg-type]
            yield f"  {label(name)}: {paint(status, colour)}"
    for problem in snapshot.problems:
        yield f"  {paint('problem', 'red')}: {problem}"
    if left:
        yield f"  note: {left} unproven, which needs nothing now: retrust check -v {snapshot.site}"


def _finding_lines(finding: Finding, *, whole: bool) -> Iterable[str]:
    """Of a proven pin one line will do; where a person has to judge, what speaks for it; everything if ``whole``."""
    evidence = finding.evidence
    grade = paint(evidence.grade.value, COLOURS[evidence.grade])
    judged = finding.verdict in (Verdict.STALE, Verdict.UNPROVEN) or evidence.grade is Grade.CONTRADICTED
    verdict = paint(f"{finding.verdict.value:<9}", COLOURS[finding.verdict])
    yield f"  {verdict} {finding.pin.edge}  {finding.pin.subject.strip() if whole else f'evidence: {grade}'}"
    matters = judged and evidence.grade is not Grade.PROVEN
    for reason in finding.reasons if whole or matters else ():
        yield f"            {reason}"
    if finding.presented is not None and finding.verdict is not Verdict.FRESH:
        yield f"            presents {finding.presented.fingerprint}"
    if judged and whole:
        yield f"            evidence: {grade}"
    for said in evidence.collected if judged and (whole or matters) else ():
        if whole or said.grade is not Grade.NONE:
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
