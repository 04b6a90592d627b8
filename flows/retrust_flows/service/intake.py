"""From what sources deliver to the ledger: one writer, and each source has its turn in every transaction.

A storm costs few entries, and holds nobody up: of one source's deliveries a transaction takes as many as bring
``TURN`` different sightings, and the rest follows in the next one. Hints, which anybody can send, have a budget
beside it. What says the same as the ledger's last entries of its site is a repeat. It starts nothing, so a source
that need not wait may leave it here: repeats are counted, and kept every ``REPEATS`` seconds, with the source's next
other delivery, and when the service is stopped.

A source's position is kept in the transaction of what it delivered up to there: after a crash it goes on where the
ledger has counted, and no line is counted twice or lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from retrust.ledger import Entry, Ledger
from retrust.models import Sighting
from retrust.sources import Tally

log = logging.getLogger("retrust.service")

TURN = 500
HINTS = 500
"""What a patient source may bring a second: one that brought more is answered later, and goes on counting meanwhile."""
REPEATS = 30.0
NEWS = ("case-opened", "case-moved", "step", "sighting-dismissed")
"""Entries after which it matters that the same is said again."""
REMEMBERED = 2000
"""Different sightings of a site that are known as said; with more, each is news once more."""

Positions = dict[tuple[str, str], str]
"""By kind of source and its key."""


@dataclass
class _Delivery:
    """What came in at once, and is kept or not as a whole."""

    sightings: Sequence[Sighting]
    positions: Positions
    kept: asyncio.Future[None]


@dataclass(eq=False)
class _Line:
    """What one source brought: deliveries that somebody waits for, and repeats with where they end."""

    waiting: deque[_Delivery] = field(default_factory=deque)
    repeats: Tally = field(default_factory=Tally)
    positions: Positions = field(default_factory=dict)

    def turn(self) -> list[_Delivery]:
        taken: list[_Delivery] = []
        different: set[object] = set()
        while self.waiting and len(different) < TURN:
            taken.append(self.waiting.popleft())
            different.update(seen.says for seen in taken[-1].sightings)
        return taken

    def hold(self, sightings: Iterable[Sighting], positions: Positions) -> None:
        for seen in sightings:
            self.repeats.add(seen)
        self.positions = self.positions | positions

    def release(self) -> tuple[list[Sighting], Positions]:
        positions, self.positions = self.positions, {}
        return self.repeats.take(), positions


class Intake:
    """``take`` hears of entries: what happens at a site makes what is said of it news again."""

    def __init__(self, ledger: Ledger, *, repeats: float = REPEATS) -> None:
        self._ledger = ledger
        self._every = repeats
        self._lines: dict[str, _Line] = defaultdict(_Line)
        self._said: dict[str | None, set[object]] = defaultdict(set)
        self._writer: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def take(self, entry: Entry) -> None:
        if entry.kind in NEWS:
            self._said.pop(entry.site, None)

    async def deliver(
        self, source: str, sightings: Sequence[Sighting], positions: Positions | None = None, *, patient: bool = False
    ) -> None:
        """Returns when they are kept; raises the ledger's error when they are not, and nothing is kept then.

        Of a ``patient`` source's repeats it returns at once.
        """
        line, positions = self._lines[source], positions or {}
        if patient and all(seen.says in self._said.get(seen.site, ()) for seen in sightings):
            line.hold(sightings, positions)
            self._timer = self._timer or asyncio.get_running_loop().call_later(self._every, self._start, True)
            return
        if not sightings and not positions:
            return
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Who was cancelled does not fetch the error, and that is no reason to complain of it.
        kept.add_done_callback(lambda kept: kept.cancelled() or kept.exception())
        line.waiting.append(_Delivery(sightings, positions, kept))
        self._start()
        await asyncio.shield(kept)
        if patient:
            await asyncio.sleep(sum(seen.is_hint for seen in sightings) / HINTS)

    async def position(self, source: str, kind: str, key: str) -> str | None:
        """Where the ledger has counted up to: what came in after that, and is not kept, will come in again."""
        line = self._lines[source]
        if (kind, key) in line.positions:
            line.release()
        return await self._ledger.position(kind, key)

    def _start(self, repeats: bool = False) -> None:
        if repeats:
            self._timer = None
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(repeats), name="intake")
        elif repeats:
            self._timer = asyncio.get_running_loop().call_later(1.0, self._start, True)

    async def _write(self, repeats: bool) -> None:
        while turns := {
            line: line.turn()
            for line in self._lines.values()
            if line.waiting or (repeats and (line.repeats or line.positions))
        }:
            repeats = False
            await self._keep(turns)

    async def _keep(self, turns: dict[_Line, list[_Delivery]]) -> None:
        held = {line: line.release() for line in turns}
        deliveries = [delivery for turn in turns.values() for delivery in turn]
        sightings = [s for repeats, _ in held.values() for s in repeats]
        sightings += [s for delivery in deliveries for s in delivery.sightings]
        positions: Positions = {}
        for each in (*(positions for _, positions in held.values()), *(d.positions for d in deliveries)):
            positions |= each
        try:
            await self._ledger.sight_many(sightings, positions=positions)
        except Exception as exc:
            for line, (repeats, of_repeats) in held.items():
                line.hold(repeats, of_repeats)
            self._timer = self._timer or asyncio.get_running_loop().call_later(self._every, self._start, True)
            for delivery in deliveries:
                delivery.kept.set_exception(exc)
            if not deliveries:
                log.warning("repeated sightings are not kept yet: %s", exc)
            return
        for seen in sightings:
            said = self._said[seen.site]
            if len(said) >= REMEMBERED:
                said.clear()
            said.add(seen.says)
        for delivery in deliveries:
            delivery.kept.set_result(None)

    async def close(self) -> None:
        """What was delivered before is kept, or has failed, when this returns; repeats, too."""
        if self._writer is not None:
            await self._writer
        await self._write(True)
        if self._timer is not None:
            self._timer.cancel()
        if any(line.repeats for line in self._lines.values()):
            log.warning("the service stops, and repeated sightings could not be kept")
