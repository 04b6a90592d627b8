"""What the ledger's entries say of one site, and whether a pass over it is due. Pure: no I/O, no clock.

A ``Standing`` takes a site's entries one after the other; ``due`` says what is to be done at a time. That it
can be made anew from the ledger at any moment is why the service may be killed at any moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from retrust.ledger import Entry
from retrust.ledger.entries import (
    CaseMoved,
    CaseOpened,
    Decided,
    LeaseReleased,
    LeaseTaken,
    LookAsked,
    OfSightings,
    Planned,
    SightedRow,
)
from retrust.models import GateState
from retrust.states import FINAL, Event, State

REPEAT = timedelta(minutes=5)
"""How soon a pass follows another because of sightings that say nothing new, while a case waits."""
RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(minutes=30)
GATES_AGAIN = timedelta(minutes=5)
"""How soon gates that give no time of their own are asked again: calendars change, decisions expire."""

SERVICE = "service"
Action = Literal["open", "pass", "gates"]


@dataclass(frozen=True)
class Due:
    """What is to be done now, and why, in words that a log and a case can carry.

    ``again`` is a pass that follows another because that one did not come to an end of its own: once at
    once, then with growing pauses. ``by`` is who caused a case that is opened for it.
    """

    action: Action
    why: str
    again: bool = False
    by: str = SERVICE


@dataclass
class Standing:
    """One site. The flags say what came since the last pass began; ``until`` is when a gate may change."""

    site: str
    case: str | None = None
    state: State | None = None
    seq: int = 0
    begun_at: datetime | None = None
    moved_at: datetime | None = None
    holding: int | None = None
    news: str | None = None
    repeated: bool = False
    asked: str | None = None
    asker: str = SERVICE
    decided: bool = False
    gated: bool = False
    until: datetime | None = None
    retry: bool = True
    failures: int = 0
    healed_at: datetime | None = None
    known: set[str] = field(default_factory=set)

    # -- taking entries ---------------------------------------------------------------------------

    def take(self, entry: Entry) -> None:
        self.seq = entry.seq
        match entry.body:
            case CaseOpened():
                self.case, self.state, self.moved_at = entry.case, State.OPEN, entry.at
                self.failures, self.retry, self.gated, self.until = 0, True, False, None
            case CaseMoved() as moved:
                self._moved(entry, moved)
            case Planned(state=state):
                self.state, self.moved_at = state, entry.at
            case Decided():
                self.decided = True
            case OfSightings(sightings=rows):
                self._sighted(rows)
            case LookAsked() if entry.actor.startswith("person:"):
                self.asked, self.asker = f"asked for by {entry.actor.removeprefix('person:')}", entry.actor
            case LookAsked(why=why):
                self.news = why
            case LeaseTaken():
                self._begun(entry)
            case LeaseReleased(token=token) if token == self.holding:
                self.holding = None

    def _moved(self, entry: Entry, moved: CaseMoved) -> None:
        self.state, self.moved_at = moved.state, entry.at
        if self.state in FINAL:
            if self.state is State.HEALED:
                self.healed_at, self.repeated = entry.at, False  # what was said again meanwhile is dealt with
            self.case, self.state = None, None
            self.failures, self.retry = 0, True
            self.known.clear()
        elif moved.event is Event.FAIL:
            self.failures += 1
            self.retry = moved.retry
        elif moved.event is Event.WAIT:
            self.gated = moved.gates is not None
            self.until = _next(moved.gates or (), entry.at + GATES_AGAIN)
            self.failures, self.retry = 0, True

    def _sighted(self, rows: Sequence[SightedRow]) -> None:
        for row in rows:
            if self.case is None and self.healed_at and (row.last_at or row.received_at) <= self.healed_at:
                continue
            if row.aggregate in self.known:
                self.repeated = True
            else:
                self.known.add(row.aggregate)
                self.news = f"{row.kind}: {row.source}"

    def _begun(self, entry: Entry) -> None:
        self.holding, self.begun_at = entry.seq, entry.at
        self.news = self.asked = None
        self.repeated = self.decided = False

    def abandoned(self) -> None:
        """The pass that held the site is gone without a word: what it had taken up is news again."""
        self.holding = None
        if self.state is State.WAITING:
            self.news = self.news or "a pass that did not end"

    # -- what is due ------------------------------------------------------------------------------

    def due(self, now: datetime) -> Due | None:
        """What is to be done now; None while a pass is under way or there is nothing to do."""
        if self.holding is not None:
            return None
        if self.state is None:
            why = self.news or self.asked or ("sightings again" if self.repeated else None)
            return Due("open", why, by=self.asker if why == self.asked else SERVICE) if why else None
        match self.state:
            case State.WAITING:
                return self._waiting(now)
            case State.FAILED:
                return self._failed(now)
            case _:
                return Due("pass", f"the case is {self.state}, and no pass is under way", again=True)

    def _waiting(self, now: datetime) -> Due | None:
        if why := self.news or self.asked:
            return Due("pass", why)
        if self.repeated and self._since(self.begun_at, REPEAT, now):
            return Due("pass", "sightings again")
        if self.decided:
            return Due("gates", "a decision")
        if self.until is not None and self.until <= now:
            return Due("gates", "a gate may have changed")
        return None

    def _failed(self, now: datetime) -> Due | None:
        if self.asked:
            return Due("pass", self.asked)
        if not self.retry:
            return None
        pause = min(RETRY * 2 ** min(self.failures - 1, 10), LONGEST_RETRY)
        return Due("pass", "another try") if self._since(self.moved_at, pause, now) else None

    def _since(self, at: datetime | None, pause: timedelta, now: datetime) -> bool:
        """A clock that was set back is no reason to wait longer than the pause."""
        return at is None or now - at >= pause or now < at


def _next(gates: Sequence[GateState], latest: datetime) -> datetime:
    """When the first of the shut gates may change, and at the latest when they are all asked again."""
    times = [g.until for g in gates if g.state != "open" and g.until]
    return min([*times, latest])
