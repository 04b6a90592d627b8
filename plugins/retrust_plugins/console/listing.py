"""The list of cases and the overview: which of the board's cases are shown, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from retrust.models import Grade
from retrust.states import FINAL, State
from retrust_plugins.console.api import states_of
from retrust_plugins.console.board import Brief, broken

if TYPE_CHECKING:
    from retrust.ledger import Case
    from retrust_plugins.console.context import Console
    from retrust_plugins.console.sessions import Visitor

PAGE = 50
FEW = 8
"""So many of each kind the overview shows; the list has the rest."""
NEWEST = 1_000
"""So many cases that ended are looked through, the newest ones."""
WORK = ("step", "progress")
"""Entries that say how far a run is."""
LATELY = timedelta(days=7)

GRAVITY = (
    State.REFUSED,
    State.FAILED,
    State.WAITING,
    State.PLANNED,
    State.EXECUTING,
    State.VERIFYING,
    State.APPROVED,
    State.OPEN,
)
_ORDER = {state: place for place, state in enumerate(GRAVITY)}
Key = Callable[["Case", "Brief | None"], Any]
SORTS: dict[str, tuple[str, Key]] = {
    "newest": ("newest first", lambda case, _: -case.first_entry),
    "oldest": ("oldest first", lambda case, brief: brief.since if brief else case.opened_at),
    "site": ("by site", lambda case, _: case.site.casefold()),
    "state": ("by state, the gravest first", lambda case, _: _ORDER.get(case.state, len(_ORDER))),
    "grade": ("by evidence, the weakest first", lambda _, brief: ((brief and brief.grade) or Grade.PROVEN).rank),
}


Row = TypeVar("Row")


@dataclass(frozen=True)
class Listed(Generic[Row]):
    """One page of a list; ``total`` is of all pages, ``cut`` whether older ones were not looked through."""

    rows: Sequence[Row]
    total: int
    page: int
    cut: bool = False

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))


async def listed(
    console: Console, *, site: str, state: str, person: str, text: str, sort: str, number: int
) -> Listed[Brief]:
    """The cases that fit, sorted; those that ended are read from the ledger, the newest of them."""
    wanted = states_of(state)
    briefs = {b.case.id: b for b in await console.board.open()}
    cases = [b.case for b in briefs.values() if wanted is None or b.case.state in wanted]
    old = []
    if ended := [s for s in wanted or FINAL if s in FINAL]:
        only = site if site in console.host.inventory.sites else None
        old = await console.ledger.cases(site=only, states=ended, limit=NEWEST)
    kept = [c for c in (*cases, *old) if _fits(c, briefs.get(c.id), site, person, text)]
    kept.sort(key=lambda case: SORTS[sort][1](case, briefs.get(case.id)))
    number, part = paged(kept, number)
    return Listed(await console.board.of(part), len(kept), number, len(old) == NEWEST)


def paged(items: Sequence[Row], number: int) -> tuple[int, Sequence[Row]]:
    """The page of that number, or the last one there is, and what is on it."""
    number = min(number, max(1, -(-len(items) // PAGE)))
    return number, items[(number - 1) * PAGE : number * PAGE]


def _fits(case: Case, brief: Brief | None, site: str, person: str, text: str) -> bool:
    said = brief.text if brief else f"{case.id} {case.site} {case.cause} {case.state} {case.note}".casefold()
    return (
        site.casefold() in case.site.casefold()
        and (not person or (brief is not None and brief.may(person)))
        and all(word in said for word in text.casefold().split())
    )


@dataclass(frozen=True)
class Down:
    """A site with a broken relation; ``case`` is None where no case is open for it."""

    site: str
    relations: list[str]
    since: datetime
    case: Case | None


@dataclass(frozen=True)
class Overview:
    mine: Sequence[Brief]
    others: Sequence[Brief]
    refused: Sequence[Case]
    down: Sequence[Down]
    running: Sequence[tuple[Brief, str]]
    healed: Sequence[Case]
    sites: int
    unseen: int

    @property
    def title(self) -> str:
        if self.mine:
            return "1 case needs you" if len(self.mine) == 1 else f"{len(self.mine)} cases need you"
        return "Nothing needs you"

    @property
    def sub(self) -> str:
        broken, sites = len(self.down), f"{self.sites} site{'s' if self.sites != 1 else ''}"
        said = f"{broken} of {sites} {'is' if broken == 1 else 'are'} broken" if broken else ""
        unseen = (
            f"{self.unseen} {'site was' if self.unseen == 1 else 'sites were'} never looked at" if self.unseen else ""
        )
        return "; ".join(filter(None, [said or f"No relation is broken at {sites}, as last seen", unseen]))


async def overview(console: Console, visitor: Visitor) -> Overview:
    briefs = await console.board.open()
    mine = [] if visitor.read_only else [b for b in briefs if b.may(visitor.name)]
    chosen = {b.case.id for b in mine}
    since = datetime.now(UTC) - LATELY
    ended = await console.ledger.cases(states=[State.HEALED, State.REFUSED], limit=100)
    sites = console.host.inventory.sites
    lately = [c for c in ended if c.updated_at >= since]
    healed = {c.site: c.first_entry for c in reversed(lately) if c.state is State.HEALED}
    return Overview(
        _oldest(mine),
        _oldest([b for b in briefs if b.needs_somebody and b.case.id not in chosen]),
        [c for c in lately if c.state is State.REFUSED and c.first_entry > healed.get(c.site, 0)],
        await _down(console, briefs),
        [(b, await _at(console, b.case)) for b in briefs if b.case.state in (State.EXECUTING, State.VERIFYING)],
        [c for c in lately if c.state is State.HEALED],
        len(sites),
        len(set(sites) - set(await console.board.looks())),
    )


async def _at(console: Console, case: Case) -> str:
    """What a run does now: the last that it wrote of its steps."""
    found = await console.ledger.entries_before(case=case.id, kinds=WORK, limit=1)
    return found[0].line if found else ""


def _oldest(briefs: Sequence[Brief]) -> list[Brief]:
    return sorted(briefs, key=lambda b: b.since)


async def _down(console: Console, briefs: Sequence[Brief]) -> list[Down]:
    """Broken sites, the longest broken first."""
    cases = {b.case.site: b for b in briefs}
    found = []
    for site, entry in (await console.board.looks()).items():
        look = entry.body.snapshot  # type: ignore[attr-defined]
        brief = cases.get(site)
        if site in console.host.inventory.sites and (relations := broken(look)):
            found.append(
                Down(site, relations, brief.since if brief else look.observed_at, brief.case if brief else None)
            )
    return sorted(found, key=lambda d: d.since)
