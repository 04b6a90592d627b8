"""What the routes work with. ``app`` makes it and wires the routes; nothing here knows any of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retrust.approval import MayNotDecide, MayNotMake, Register, without_tokens
from retrust.errors import RetrustError, TemporaryError, UsageError
from retrust.ledger import DecisionRefused, DigestUsed, NoSuchCase, NotCurrent
from retrust.models import GateState
from retrust.states import IllegalMove
from retrust_plugins.console.board import Board
from retrust_plugins.console.live import Streams
from retrust_plugins.console.sessions import Sessions
from retrust_plugins.console.throttle import Throttle

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.ledger import Ledger

HERE = Path(__file__).parent
API = "/api/v1"


@dataclass
class Console:
    """What the routes work with; one for each application. ``heavy`` lets few read much of the ledger at once.

    ``windows`` are gates that look at no plan, by policy, as they stood when they were last asked.
    """

    host: Host
    ledger: Ledger
    register: Register
    sessions: Sessions
    throttle: Throttle
    streams: Streams
    board: Board
    heavy: asyncio.Semaphore
    windows: dict[str, tuple[datetime, tuple[GateState, ...]]] = field(default_factory=dict)

    def clean(self, text: str) -> str:
        """What may be said to anybody, or written to a log: no secret that is known, nothing like a token."""
        return without_tokens(self.host.redactor.redact(text))


def status_of(error: RetrustError) -> int:
    match error:
        case MayNotDecide() | MayNotMake():
            return 403
        case NoSuchCase():
            return 404
        case NotCurrent() | DecisionRefused() | DigestUsed() | IllegalMove() | UsageError():
            return 409
        case TemporaryError():
            return 503
        case _:
            return 500
