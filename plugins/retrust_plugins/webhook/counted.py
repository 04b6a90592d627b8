"""Which events are in the ledger already: a sender that did not get its answer sends again, even after a restart."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrust.ledger.entries import SightingsKept

if TYPE_CHECKING:
    from retrust.ledger import Ledger

REMEMBERED = 10_000
"""How many entries back, and how many events at most, are known."""


class Counted:
    """Reads what the entries say of events, whoever wrote them; sightings and their events are one entry."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._after: int | None = None
        self._known: OrderedDict[str, None] = OrderedDict()

    async def among(self, events: Iterable[str]) -> set[str]:
        await self._catch_up()
        return {event for event in events if event in self._known}

    async def _catch_up(self) -> None:
        after = self._after
        if after is None:
            after = max(0, (await self._ledger.head()).seq - REMEMBERED)
        while page := await self._ledger.entries(after=after, kinds=("sighted",)):
            for entry in page:
                if isinstance(entry.body, SightingsKept):
                    self._known.update(dict.fromkeys(entry.body.events))
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            after = page[-1].seq
        self._after = max(after, self._after or 0)
