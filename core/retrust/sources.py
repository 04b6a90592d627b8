"""Event sources: where the service hears of failures and renewals.

A source runs until it is cancelled and delivers sightings; whatever it raises is logged, and it is started
again with back-off while the others stay up. Mapping a sighting to a site and a case is the service's part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from retrust.models import Sighting

if TYPE_CHECKING:
    from retrust.engine import Engine


class Delivery(Protocol):
    """What a source may use of the service it runs in."""

    engine: Engine

    async def deliver(self, sightings: Sequence[Sighting]) -> None:
        """Returns when they are in the ledger, durably; raises ``LedgerError`` when they are not."""
        ...

    async def position(self, key: str) -> str | None:
        """What this source remembered under ``key`` before the service was last stopped."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Remember where to go on; called after what was read up to there has been delivered."""
        ...

    def healthy(self, detail: str = "") -> None:
        """Say that the source works, and how far behind it is."""
        ...


class EventSource(Protocol):
    """A kind of source; the inventory's ``sources`` name it, with settings of its own."""

    name: str
    settings_model: type[BaseModel]

    async def run(self, settings: Any, delivery: Delivery) -> None:
        """Hear and deliver until cancelled."""
        ...
