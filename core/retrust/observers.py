"""Who is told of every ledger entry after it is written: notifications, metrics, events for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from retrust.ledger import Entry


class Observer(Protocol):
    """An observer may also have ``opened(engine, ledger)``, called once when a ledger is opened."""

    name: str

    async def told(self, entry: Entry) -> None:
        """Called after the commit; whatever it raises is logged and changes nothing."""
        ...
