"""What the pages show: a case told for the person who looks at it, and a site as it was last seen.

Everything is read from the ledger and judged by ``retrust.approval``; here it is only put in the order in which
a person at two in the morning needs it: what is the matter, what to do next, then the proof.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from retrust.approval import DECIDABLE, current_matter, gate_for, gate_states, objection, person_labels
from retrust.audit import attached_file
from retrust.ledger.entries import Attached, CaseMoved, Looked
from retrust.models import Decision, Finding, GateState, Grade, Plan, Snapshot, Step
from retrust.present import milestones_of
from retrust.states import State
from retrust_plugins.console.board import may_say_yes
from retrust_plugins.console.folding import Run, folded
from retrust_plugins.console.foretold import Foretold, foretell
from retrust_plugins.console.picture import Picture, of_baselines, of_snapshot
from retrust_plugins.console.sessions import Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from retrust.approval import Matter
    from retrust.gates import Requirement
    from retrust.host import Host
    from retrust.ledger import Case, Entry, Ledger, Sighted, StepRecord

PNG, LONGEST = b"\x89PNG", 64 * 1024
"""How a picture begins, and how much of a text is shown: its end."""
SIGHTINGS = 50
"""Sightings of a case that its page shows, the last ones."""
TOLD = 300
"""Lines of a case that its page tells; all of them are in its evidence pack."""

TONES = {
    State.OPEN: "calm",
    State.PLANNED: "ask",
    State.WAITING: "ask",
    State.APPROVED: "calm",
    State.EXECUTING: "busy",
    State.VERIFYING: "busy",
    State.HEALED: "good",
    State.FAILED: "bad",
    State.REFUSED: "alarm",
    State.EXPIRED: "quiet",
    State.CANCELLED: "quiet",
}


@dataclass(frozen=True)
class GateRow:
    """A gate as it stands, who decided at it, what the person who looks may say there, and who else may."""

    state: GateState
    requirement: Requirement
    by_person: bool
    decisions: tuple[Decision, ...]
    why_not: str | None
    may: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepRow:
    step: Step
    phase: str
    detail: str
    finding: Finding | None
    milestones: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseView:
    case: Case
    tone: str
    title: str
    next: str
    plan: Plan | None = None
    planned: tuple[Finding, ...] = ()
    steps: tuple[StepRow, ...] = ()
    gates: tuple[GateRow, ...] = ()
    earlier: tuple[Decision, ...] = ()
    may_say: tuple[str, ...] = ()
    gate: str | None = None
    may_not: str | None = None
    timeline: tuple[Run, ...] = ()
    more: int = 0
    last_seq: int = 0
    picture: Picture | None = None
    sightings: tuple[Sighted, ...] = ()
    foretold: Foretold | None = None
    files: tuple[File, ...] = ()
    again: str | None = None

    @property
    def shape(self) -> str:
        """What the page is built on: another one is another page, which our script then loads."""
        seen = self.picture.seen_at if self.picture else ""
        return f"{self.case.state} {self.case.digest} {seen} {len(self.files)} {' '.join(self.may_say)}"


async def view_case(host: Host, ledger: Ledger, case_id: str, visitor: Visitor) -> CaseView:
    case = await ledger.case(case_id)
    entries = [entry async for entry in ledger.walk(case=case.id)]
    plan = await ledger.plan(case.digest, case=case.id) if case.digest else None
    decisions = await ledger.decisions(case.id)
    records = await ledger.steps(case.id, plan.digest) if plan else []
    gates, labels, gate = await _gates(host, ledger, case, plan, visitor)
    runs = folded(reversed(entries))
    snapshot = await _last_snapshot(ledger, case.id)
    shown = snapshot or (plan.snapshot if plan else None)
    planned = _proofs(plan.unpinned if plan else (), shown)
    title, following = _headline(case, gates, labels, planned, entries)
    return CaseView(
        case,
        TONES[case.state],
        title,
        following,
        plan,
        planned,
        tuple(_steps(case, plan, records, entries)) if plan else (),
        gates,
        tuple(d for d in decisions if plan is None or d.digest != plan.digest or not gates),
        labels,
        gate,
        next((g.why_not for g in gates if g.by_person and g.why_not), None),
        runs[:TOLD],
        sum(len(run.entries) for run in runs[TOLD:]),
        entries[-1].seq if entries else 0,
        _picture(host, case.site, shown, f"case {case.id}"),
        tuple(await ledger.sightings_of(case.id))[-SIGHTINGS:],
        await _foretold(host, ledger, case, plan, records),
        tuple([await asyncio.to_thread(_file, found, ledger.home) for found in await ledger.attachments(case.id)]),
        None if visitor.read_only or case.site not in host.inventory.sites else _AGAIN.get(case.state, "Check now"),
    )


_AGAIN = dict.fromkeys((State.OPEN, State.APPROVED, State.EXECUTING, State.VERIFYING)) | {State.FAILED: "Try again"}
"""What a person may ask for: nothing where a pass comes, or runs, anyway."""


async def _foretold(
    host: Host, ledger: Ledger, case: Case, plan: Plan | None, records: Sequence[StepRecord]
) -> Foretold | None:
    """What the steps that are left will do; None where none is."""
    ended = {r.step for r in records if r.phase in ("sent", "done", "undecided", "skipped")}
    left = [s for s in plan.steps if s.id not in ended] if plan and case.is_open else []
    if plan is None or not left:
        return None
    target = {name for name, site in host.inventory.sites.items() if site.target == plan.target}
    taken = await ledger.times_taken({s.kind for s in left})
    return foretell(plan, left, _nodes(host, case.site), case.site, [t for t in taken if t.site in target])


@dataclass(frozen=True)
class File:
    """An attachment: its text, or that it is a picture; ``problem`` where it is not what was registered."""

    name: str
    is_picture: bool = False
    text: str = ""
    problem: str | None = None


def _file(found: Attached, home: Path) -> File:
    try:
        data = attached_file(found, home)
    except ValueError as exc:
        return File(found.name, problem=str(exc))
    if data.startswith(PNG):
        return File(found.name, is_picture=True)
    text = data[-LONGEST:].decode("utf-8", "replace")
    return File(found.name, text=("…" if len(data) > LONGEST else "") + text)


def _proofs(planned: Sequence[Finding], shown: Snapshot | None) -> tuple[Finding, ...]:
    """What a person must see side by side: the planned pins, and whatever was contradicted when last looked at."""
    bad = {f.pin.edge: f for f in (shown.findings if shown else ()) if f.evidence.grade is Grade.CONTRADICTED}
    return (*(f for f in planned if f.pin.edge not in bad), *bad.values())


async def _gates(
    host: Host, ledger: Ledger, case: Case, plan: Plan | None, visitor: Visitor
) -> tuple[tuple[GateRow, ...], tuple[str, ...], str | None]:
    """The gates of a plan that may still be decided, where this person may speak, and at which one first."""
    if plan is None or case.state not in DECIDABLE or case.site not in host.inventory.sites:
        return (), (), None
    if await ledger.digest_use(plan.digest):
        return (), (), None  # its steps were begun: a next pass goes on with it, or makes a new plan
    matter = await current_matter(host, ledger, case.id)
    states = await gate_states(host, matter)
    rows = tuple(
        _row(state, requirement, matter, visitor)
        for state, requirement in zip(states, matter.requirements, strict=True)
    )
    if visitor.read_only:
        return rows, (), None
    labels = tuple(
        label for label in person_labels(matter) if objection(matter, visitor.speaker, label, yes=False) is None
    )
    return rows, labels, gate_for(matter, visitor.speaker, yes=True)


def _row(state: GateState, requirement: Requirement, matter: Matter, visitor: Visitor) -> GateRow:
    by_person = requirement.label in person_labels(matter)
    said = tuple(d for d in matter.decisions if d.gate == requirement.label)
    why = objection(matter, visitor.speaker, requirement.label, yes=True) if by_person else None
    may = [name for name in matter.inventory.people if by_person and may_say_yes(matter, name, requirement.label)]
    why = "this token only reads" if visitor.read_only else why
    return GateRow(state, requirement, by_person, said, why, tuple(may) if state.state == "shut" else ())


def _steps(case: Case, plan: Plan, records: Sequence[StepRecord], entries: Sequence[Entry]) -> list[StepRow]:
    """Each step and what became of it; of a case that has ended, only those that were begun."""
    milestones = milestones_of(entries, plan.digest)
    last = {record.step: record for record in records}
    findings = {f.pin.edge: f for f in plan.snapshot.findings}
    return [
        StepRow(
            step,
            last[step.id].phase if step.id in last else "to do",
            last[step.id].detail if step.id in last else "",
            findings.get(step.unpins or ""),
            milestones.get(step.id, {}),
        )
        for step in plan.steps
        if case.is_open or step.id in last
    ]


# -- what is the matter, and what to do next -----------------------------------------------------------


def _headline(
    case: Case, gates: Sequence[GateRow], labels: Sequence[str], planned: Sequence[Finding], entries: Sequence[Entry]
) -> tuple[str, str]:
    if case.state in (State.PLANNED, State.WAITING, State.APPROVED) and gates:
        return _waiting(case, gates, labels, planned)
    why = _why(entries)
    match case.state:
        case State.WAITING | State.PLANNED:
            return "A person is needed", why or "The last run stopped to ask; its words are below."
        case State.HEALED:
            return "Healed", "Trust is re-established, as the last look at the site showed."
        case State.REFUSED:
            return (
                "Refused: this looks like an interception",
                "Delete nothing by hand. Find out who answers on that path first."
                + (f" {why[:1].upper()}{why[1:]}." if why else ""),
            )
        case State.FAILED:
            moved = _last_move(entries)
            then = "Retrust tries again by itself." if moved and moved.retry else "Remove the cause, then try again."
            return "Failed", (f"{why[:1].upper()}{why[1:]}. " if why else "") + then
        case State.EXECUTING:
            return "Carrying out the plan", "Steps are being sent; each is observed to take effect."
        case State.VERIFYING:
            return "Verifying", "Every step is done; the site is looked at again."
        case State.EXPIRED:
            return "Expired", "Nobody decided in time, and nothing was changed. The next sighting opens a new case."
        case State.CANCELLED:
            return "Cancelled", case.note or "A person ended this case."
        case _:
            return "Open", "A pass over the site makes a plan next."


def _waiting(
    case: Case, gates: Sequence[GateRow], labels: Sequence[str], planned: Sequence[Finding]
) -> tuple[str, str]:
    shut = [g for g in gates if g.state.state != "open"]
    if not shut:
        return "Approved", f"Every gate is open: the next pass over {case.site} carries the plan out."
    if any(g.state.state == "closed" for g in shut):
        return "A gate is closed", "This plan cannot pass any more: " + "; ".join(
            f"{g.state.gate}: {g.state.needs}" for g in shut if g.state.state == "closed"
        )
    needs = "; ".join(f"{g.state.gate} needs {g.state.needs}" for g in shut)
    mine = [g.state.gate for g in shut if g.state.gate in labels and g.why_not is None]
    if mine:
        two = [f for f in planned if f.baseline and f.presented]
        return "Waiting for your decision", (
            f"Compare {'both fingerprints' if len(two) == 1 else 'the fingerprints of each pin'}, read the plan, "
            "then decide below."
            if two
            else "Read the plan and its evidence, then decide below."
        )
    people = any(g.by_person for g in shut)
    return ("Waiting for a decision" if people else "Waiting"), f"{needs[:1].upper()}{needs[1:]}."


def _last_move(entries: Sequence[Entry]) -> CaseMoved | None:
    return next((e.body for e in reversed(entries) if isinstance(e.body, CaseMoved)), None)


def _why(entries: Sequence[Entry]) -> str:
    moved = _last_move(entries)
    return moved.reason.rstrip(".") if moved else ""


# -- a site as it was last seen ------------------------------------------------------------------------


async def last_seen(host: Host, ledger: Ledger, site: str, entry: Entry | None) -> Picture | None:
    """The picture of the newest that is known of a site: what ``entry`` saw, else what was last verified."""
    if entry is not None and isinstance(entry.body, Looked):
        return _picture(host, site, entry.body.snapshot, f"case {entry.case}" if entry.case else "check")
    return of_baselines(site, (await ledger.baselines(site)).values(), _nodes(host, site))


async def _last_snapshot(ledger: Ledger, case: str) -> Snapshot | None:
    records = await ledger.snapshots(case)
    return await ledger.snapshot(records[-1].seq) if records else None


def _picture(host: Host, site: str, snapshot: Snapshot | None, source: str) -> Picture | None:
    return of_snapshot(snapshot, _nodes(host, site), source) if snapshot else None


def _nodes(host: Host, site: str) -> Mapping[str, Any]:
    known = host.inventory.sites.get(site)
    return known.endpoints() if known else {}


def is_new(finding: Finding) -> bool:
    """Whether another certificate is presented than the one last verified."""
    return (
        finding.presented is not None
        and finding.baseline is not None
        and finding.presented.fingerprint != finding.baseline.fingerprint
    )


def age(at: datetime) -> str:
    """How long ago, in the one unit that matters."""
    seconds = max(0, int((datetime.now(UTC) - at).total_seconds()))
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count != 1 else ''} ago"
    return "just now"


def is_weak(finding: Finding) -> bool:
    return finding.evidence.grade is not Grade.PROVEN
