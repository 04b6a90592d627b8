"""From what sources deliver to the ledger: one writer, which takes all that came while it wrote.

So a storm costs few entries, and a delivery returns only when it is kept. The ledger counts sightings that
say the same as one row; a source has few deliveries under way, which bounds what is held here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from retrust.ledger import Ledger
from retrust.models import Sighting


@dataclass
class _Batch:
    """Sightings that are written together, and what everybody who brought them waits for."""

    kept: asyncio.Future[None]
    sightings: list[Sighting] = field(default_factory=list)


class Intake:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._next: _Batch | None = None
        self._writer: asyncio.Task[None] | None = None

    async def deliver(self, sightings: Sequence[Sighting]) -> None:
        """Returns when they are kept; raises the ledger's error when they are not, and nothing is kept then."""
        if not sightings:
            return
        batch = self._batch()
        batch.sightings += sightings
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="intake")
        await asyncio.shield(batch.kept)

    def _batch(self) -> _Batch:
        if self._next is None:
            self._next = _Batch(asyncio.get_running_loop().create_future())
            # Who was cancelled does not fetch the error, and that is no reason to complain of it.
            self._next.kept.add_done_callback(lambda kept: kept.cancelled() or kept.exception())
        return self._next

    async def _write(self) -> None:
        while (batch := self._next) is not None:
            self._next = None
            try:
                await self._ledger.sight_many(batch.sightings)
            except Exception as exc:
                batch.kept.set_exception(exc)
            else:
                batch.kept.set_result(None)

    async def close(self) -> None:
        """What was delivered before is kept, or has failed, when this returns."""
        if self._writer is not None:
            await self._writer
