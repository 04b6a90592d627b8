"""Every entry of the ledger, in order, whoever wrote it: told of this process's at once, of others' by polling.

Listeners are told only what was read back from the ledger, so that all of them see one story and a restart
tells it again from wherever they want.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from retrust.ledger import Entry, Ledger, LedgerError

log = logging.getLogger("retrust.service")

Listener = Callable[[Entry], None]
POLL = 1.0


class Tail:
    """``listeners`` are called with each entry after ``seq``; ``wake`` is set when there may be more."""

    def __init__(self, ledger: Ledger, *, poll: float = POLL) -> None:
        self._ledger = ledger
        self._poll = poll
        self.seq = 0
        self.wake = asyncio.Event()
        self.listeners: list[Listener] = []

    async def told(self, entry: Entry) -> None:
        """The ledger's observer: only that there is more, as entries of other processes may come before it."""
        self.wake.set()

    async def start(self) -> None:
        """From here on; what was before is read by whoever needs it."""
        self.seq = (await self._ledger.head()).seq
        self._ledger.observers.append(self.told)

    def stop(self) -> None:
        if self.told in self._ledger.observers:
            self._ledger.observers.remove(self.told)

    async def wait(self, limit: float | None = None) -> None:
        """Until there may be more to read, for at most ``limit`` seconds or the time between two polls."""
        try:
            async with asyncio.timeout(min(self._poll, limit if limit is not None else self._poll)):
                await self.wake.wait()
        except TimeoutError:
            pass

    async def catch_up(self) -> bool:
        """Tell the listeners all that is new; whether the ledger could be read."""
        self.wake.clear()
        try:
            while entries := await self._ledger.entries(after=self.seq):
                for entry in entries:
                    self._tell(entry)
                    self.seq = entry.seq
        except LedgerError as exc:
            log.warning("the ledger cannot be read, trying again: %s", exc)
            return False
        return True

    def _tell(self, entry: Entry) -> None:
        for listen in self.listeners:
            try:
                listen(entry)
            except Exception:
                log.exception("a listener failed at entry %d (%s)", entry.seq, entry.kind)
