"""``retrust.case.*`` events for others in the Prefect ecosystem: a hint, best effort, never the record.

An entry of the ledger gives an event with an id made of the entry's hash, so that what two services tell is
one event. What cannot be sent at once is dropped, and the dropping is logged once.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

from retrust.ledger import Entry

log = logging.getLogger("retrust.service")

WAITING_AT_MOST = 1000
_SPACE = uuid.UUID("7b0c6d3e-0d5b-4f57-9d0e-4b0f1a4e8a11")


def event_of(entry: Entry) -> dict[str, Any] | None:
    """The entry as an event, or None where it is nobody else's business."""
    if entry.case is None:
        return None
    if (what := entry.told("event")) is None:
        return None
    return {
        "id": str(uuid.uuid5(_SPACE, entry.hash)),
        "occurred": entry.at.isoformat(),
        "event": f"retrust.case.{what}",
        "resource": {
            "prefect.resource.id": f"retrust.case.{entry.case}",
            "prefect.resource.name": entry.case,
            "retrust.site": entry.site or "",
        },
        "related": [],
        "payload": {"site": entry.site, "case": entry.case, "seq": entry.seq, "actor": entry.actor},
    }


class Emitter:
    """Needs a Prefect server that is named in the environment, as every client of it does."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue(WAITING_AT_MOST)
        self._complained = False

    def take(self, entry: Entry) -> None:
        event = event_of(entry)
        if event is not None and not self._events.full():
            self._events.put_nowait(event)

    async def run(self) -> None:
        from prefect.client.orchestration import get_client  # after our settings are in the environment

        async with get_client() as client:
            while True:
                events = [await self._events.get()]
                while not self._events.empty() and len(events) < 50:
                    events.append(self._events.get_nowait())
                try:
                    await client.request("POST", "/events", json=events)
                    self._complained = False
                except Exception as exc:  # the ledger has it; an event is a courtesy
                    if not self._complained:
                        log.warning("%d events were not sent to Prefect: %s", len(events), exc)
                    self._complained = True
