"""The ledger: all its books over one chain. ``Ledger.open`` opens it; ``read_only`` only reads, and faster."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from retrust.ledger.canonical import Redact
from retrust.ledger.journal import Clock, as_it_is
from retrust.ledger.leases import Leases
from retrust.ledger.sightings import Sightings
from retrust.ledger.work import Work

PATIENCE = 10.0


class Ledger(Work, Sightings, Leases):
    """``async with await Ledger.open(url, home) as ledger: …``"""

    @classmethod
    async def open(
        cls,
        url: str | None,
        home: Path,
        *,
        redact: Redact = as_it_is,
        clock: Clock | None = None,
        patience: float = PATIENCE,
    ) -> Self:
        """Open, make or migrate a ledger.

        ``url``: SQLite's or PostgreSQL's; None is the file in ``home``, which also holds the key and the
        attachments. ``redact`` sees every text before it is written. ``clock`` replaces the server's
        time in tests. ``patience``: seconds to wait for another writer.
        """
        return cls(await cls._open(url, home, patience), home, redact=redact, clock=clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
