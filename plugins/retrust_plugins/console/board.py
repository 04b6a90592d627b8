"""Every open case and every site in short, as the ledger's newest entries tell them: for lists and the overview.

Read when a page first asks, and then only as far as entries are new. A gate that a person opens is judged here by
``retrust.approval``; the others stand as the last pass found them, since a list must not ask a ticket system.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from retrust.approval import (
    DECIDABLE,
    Matter,
    Speaker,
    evaluate,
    matter_from,
    objection,
    person_labels,
    requirements,
    roles_of,
)
from retrust.errors import RetrustError
from retrust.ledger.entries import CaseMoved, Decided, DigestSpent, Looked, Planned
from retrust.models import Finding, GateState, Grade, Plan, Snapshot, Verdict
from retrust.states import OPEN_STATES, State

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.ledger import Case, Entry, Ledger, Sighted

LOOKS = ("snapshot", "looked")
TOLD = ("planned", "case-moved", "decided", "digest-used")
FEW = 50
"""So many changed cases are read one by one; more of them by reading all open ones again."""
GRAVE = (Verdict.STALE, Verdict.UNPROVEN)


@dataclass
class Brief:
    """A case in short; ``gates`` are those of its plan as they stand, where it asks for any."""

    case: Case
    look: Snapshot | None
    plan: Plan | None
    gates: tuple[GateState, ...]
    matter: Matter | None
    moved: CaseMoved | None
    since: datetime
    _may: dict[str, bool] = field(default_factory=dict)

    @property
    def down(self) -> list[str]:
        """The relations that are broken, as long as the case is open."""
        return broken(self.look) if self.case.is_open else []

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The pins that the case is about: those of its plan, else those that are not as they should be."""
        if self.plan is not None:
            return self.plan.unpinned
        return tuple(f for f in (self.look.findings if self.look else ()) if f.verdict in GRAVE)

    @property
    def grade(self) -> Grade | None:
        return min((f.evidence.grade for f in self.findings), key=lambda g: g.rank, default=None)

    @property
    def shut(self) -> list[GateState]:
        return [g for g in self.gates if g.state != "open"]

    @cached_property
    def asks(self) -> list[str]:
        """The shut gates that a person opens."""
        labels = person_labels(self.matter) if self.matter else ()
        return [g.gate for g in self.shut if g.gate in labels]

    def may(self, person: str) -> bool:
        """Whether this person can do something now that the case waits for."""
        return self.decides(person) if self.asks else self.needs_somebody

    def decides(self, person: str) -> bool:
        if person not in self._may:
            matter = self.matter
            self._may[person] = matter is not None and any(may_say_yes(matter, person, label) for label in self.asks)
        return self._may[person]

    @cached_property
    def people(self) -> list[str]:
        """Who can decide what the case waits for."""
        return [name for name in self.matter.inventory.people if self.decides(name)] if self.matter else []

    @property
    def needs_somebody(self) -> bool:
        """Whether nothing goes on before a person does something, whoever that is."""
        if self.case.state is State.FAILED:
            return self.moved is not None and not self.moved.retry
        if self.case.state in (State.WAITING, State.PLANNED):
            return bool(self.asks) or not self.gates
        return False

    @property
    def actor(self) -> str:
        """Who must act next, in few words."""
        if not self.case.is_open:
            return ""
        if self.asks:
            return " or ".join(self.people) if len(self.people) <= 3 else f"one of {len(self.people)} people"
        if self.needs_somebody:
            return "anybody"
        waits = ", ".join(g.gate for g in self.shut)
        return f"gate {waits}" if waits else "Retrust"

    @property
    def waits_for(self) -> str:
        """What the case waits for, in a line; how its last pass ended where no gate is shut."""
        if self.shut:
            return "; ".join(f"{g.gate}: {g.needs}" for g in self.shut)
        return self.moved.reason if self.moved else ""

    @cached_property
    def text(self) -> str:
        """What a search looks through."""
        pins = " ".join(f"{f.pin.edge} {f.pin.subject}" for f in self.findings)
        case = self.case
        return f"{case.id} {case.site} {case.cause} {case.state} {' '.join(self.down)} {pins} {self.actor}".casefold()


def may_say_yes(matter: Matter, person: str, label: str) -> bool:
    """Whether the rules let this person of the inventory say yes at this gate now."""
    actor = f"person:{person}"
    return objection(matter, Speaker(actor, roles_of(matter.inventory, actor)), label, yes=True) is None


def broken(look: Snapshot | None) -> list[str]:
    """``relation: status`` of each relation that the target says is not healthy."""
    relations = look.relations.items() if look else ()
    return [f"{named(name)}: {r.status}" for name, r in relations if r is not None and r.healthy is False]


def named(relation: str) -> str:
    """A relation as people write it: short names are abbreviations."""
    kind, _, of = relation.partition(":")
    return f"{kind.upper() if len(kind) <= 3 else kind} {of}".rstrip()


class Board:
    def __init__(self, host: Host, ledger: Ledger) -> None:
        self._host, self._ledger = host, ledger
        self._turn = asyncio.Lock()
        self._looks: dict[str, Entry] = {}
        self._open: dict[str, Brief] = {}
        self.seen = 0

    async def open(self) -> list[Brief]:
        """Every open case, the newest first."""
        await self._catch_up()
        return sorted(self._open.values(), key=lambda b: b.case.first_entry, reverse=True)

    async def of(self, cases: Sequence[Case]) -> list[Brief]:
        """These cases, open or not, in their order."""
        await self._catch_up()
        found = await self._read([c for c in cases if c.id not in self._open]) | self._open
        return [found[c.id] for c in cases]

    async def looks(self) -> dict[str, Entry]:
        """By site: the entry of what was last seen of it, by a pass or by a check."""
        await self._catch_up()
        return self._looks

    async def _catch_up(self) -> None:
        async with self._turn:
            if not self.seen:
                self.seen = (await self._ledger.head()).seq
                self._looks = await self._ledger.newest(LOOKS)
                await self._read_all()
            else:
                await self._read_new()

    async def _read_new(self) -> None:
        touched: set[str] = set()
        of_site = {brief.case.site: name for name, brief in self._open.items()}
        while page := await self._ledger.entries(after=self.seen, kinds=("case-opened", *TOLD, *LOOKS)):
            for entry in page:
                if entry.kind in LOOKS and entry.site:
                    self._looks[entry.site] = entry
                touched |= {name for name in (entry.case, of_site.get(entry.site or "")) if name}
            self.seen = page[-1].seq
        if len(touched) > FEW:
            await self._read_all()
        elif touched:
            cases = [await self._ledger.case(name) for name in touched]
            self._open = {name: brief for name, brief in self._open.items() if name not in touched}
            self._open |= await self._read([c for c in cases if c.is_open])

    async def _read_all(self) -> None:
        self._open = await self._read(await self._ledger.cases(states=OPEN_STATES, limit=1_000_000))

    async def _read(self, cases: Sequence[Case]) -> dict[str, Brief]:
        names = [case.id for case in cases]
        told: dict[str | None, list[Entry]] = defaultdict(list)
        sighted: dict[str | None, list[Sighted]] = defaultdict(list)
        for entry in await self._ledger.entries_of(names, TOLD):
            told[entry.case].append(entry)
        for seen in await self._ledger.sightings_of(*names):
            sighted[seen.case].append(seen)
        return {case.id: await self._brief(case, told[case.id], sighted[case.id]) for case in cases}

    async def _brief(self, case: Case, told: Sequence[Entry], sighted: Sequence[Sighted]) -> Brief:
        planned = [e for e in told if case.digest and e.kind == "planned" and case.digest in e.text]
        bodies = (e.body for e in reversed(planned))
        plan = next((b.plan for b in bodies if isinstance(b, Planned) and b.digest == case.digest), None)
        moves = (e.body for e in reversed(told) if e.kind == "case-moved")
        moved = next((b for b in moves if isinstance(b, CaseMoved)), None)
        found = self._looks.get(case.site)
        look = found.body.snapshot if found is not None and isinstance(found.body, Looked) else None
        matter = self._matter(case, plan, planned, told, sighted, moved)
        since = min([case.opened_at, *(s.first_at for s in sighted if s.first_at)])
        return Brief(case, look, plan, await _gates(matter, moved), matter, moved, since)

    def _matter(
        self,
        case: Case,
        plan: Plan | None,
        planned: Iterable[Entry],
        told: Sequence[Entry],
        sighted: Sequence[Sighted],
        moved: CaseMoved | None,
    ) -> Matter | None:
        """What is asked of people; None where nothing is."""
        site = self._host.inventory.sites.get(case.site)
        used = any(
            isinstance(e.body, DigestSpent) and e.body.digest == case.digest for e in told if e.kind == "digest-used"
        )
        if plan is None or site is None or used or case.state not in DECIDABLE:
            return None
        asked = moved.gates or () if moved else ()
        recurred = [s.unpins for s in plan.steps if s.unpins] if any(g.gate == "recurrence" for g in asked) else []
        try:
            required = requirements(self._host.inventory, site, plan, self._host.gates, recurred)
        except RetrustError:
            return None
        decided = [
            e.body.decision
            for e in told
            if e.kind == "decided" and isinstance(e.body, Decided) and e.body.digest == plan.digest
        ]
        return matter_from(
            self._host, site, case, plan, told=planned, required=required, decisions=decided, sightings=sighted
        )


async def _gates(matter: Matter | None, moved: CaseMoved | None) -> tuple[GateState, ...]:
    if matter is None:
        return ()
    labels = person_labels(matter)
    asked = replace(matter, requirements=[r for r in matter.requirements if r.label in labels])
    others = [g for g in (moved.gates or () if moved else ()) if g.gate not in labels]
    return (*await evaluate(asked, now=datetime.now(UTC)), *others)
