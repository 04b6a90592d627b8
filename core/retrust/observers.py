"""Who is told of every ledger entry after it is written: notifications, metrics, events for others, witnesses."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.ledger import Entry, Ledger


class Observer:
    """Is told of every entry of the ledgers that it is given."""

    name: str

    def opened(self, host: Host, ledger: Ledger) -> None:
        """Called once when a ledger is opened: where the inventory and the secrets come from."""

    @abstractmethod
    async def told(self, entry: Entry) -> None:
        """Called after the commit; whatever it raises is logged and changes nothing."""
        ...

    async def noted(self, note: str) -> None:
        """Called after each commit with the head of the chain as a signed note, to be kept in another place.

        ``retrust audit verify --checkpoint`` reads a file of such notes, one behind the other. What it raises is an
        alarm, once until it works again.
        """
