"""Web applications of the service: what a plugin serves over HTTP, such as the console and the webhook."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.ledger import Ledger


class App:
    """``path`` is where it is mounted (``/`` for one of them); it is built once, when the service starts."""

    name: str
    path: str

    @abstractmethod
    def build(self, host: Host, ledger: Ledger) -> Any:
        """The ASGI application. The ledger is the service's own; a case that changes is dispatched by itself."""
        ...
