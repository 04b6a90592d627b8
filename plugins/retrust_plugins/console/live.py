"""Live progress: the ledger's entries, of one case or of all, as server-sent events, whoever wrote them.

Entries of this process ring a bell at once; those of other workers are found by looking again every second.
A stream ends after some minutes, and a browser then asks anew where it was, with its cookie or token judged
again; so no stream outlives the right to read it by more than that.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrust.ledger import Entry, Ledger

LOOK, BEAT, LASTS, AT_ONCE = 1.0, 15.0, 300.0, 200


class Full(Exception):
    """As many streams are open as are allowed."""


class Streams:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rung: set[asyncio.Event] = set()
        ledger.observers.append(self._ring)

    async def _ring(self, entry: Entry) -> None:
        for bell in self._rung:
            bell.set()

    def of(self, after: int, case: str | None = None, kinds: Sequence[str] | None = None) -> AsyncIterator[str]:
        """What follows ``after``, of one case or of all, as events ``entry`` whose id is the entry's number."""
        if len(self._rung) >= AT_ONCE:
            raise Full
        return self._events(after, case, kinds)

    async def _events(self, after: int, case: str | None, kinds: Sequence[str] | None) -> AsyncIterator[str]:
        ends, beat, bell = time.monotonic() + LASTS, time.monotonic() + BEAT, asyncio.Event()
        self._rung.add(bell)
        try:
            yield "retry: 2000\n\n"
            while time.monotonic() < ends:
                bell.clear()
                for entry in await self._ledger.entries(after=after, case=case, kinds=kinds, limit=100):
                    after = entry.seq
                    yield event(entry)
                if time.monotonic() > beat:
                    beat = time.monotonic() + BEAT
                    yield ": still here\n\n"
                try:
                    await asyncio.wait_for(bell.wait(), LOOK)
                except TimeoutError:
                    continue
        finally:
            self._rung.discard(bell)


def event(entry: Entry) -> str:
    data = {"seq": entry.seq, "at": entry.at.isoformat(), "actor": entry.actor, "kind": entry.kind, "what": entry.line}
    return f"id: {entry.seq}\nevent: entry\ndata: {json.dumps(data)}\n\n"
