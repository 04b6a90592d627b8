"""For tests of event sources: a delivery that keeps what it is given, and a source that runs while a block does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from retrust.errors import TemporaryError
from retrust.models import Baseline, Sighting

LIMIT = 20.0


@dataclass
class KeptDelivery:
    """What a source may use of a service. ``refuses`` fails as many of the next deliveries; the rest is for looking.

    ``host`` is anything that has what the source asks of it. ``known`` are baselines by site and edge.
    """

    host: Any
    name: str = "source[0]"
    refuses: int = 0
    known: dict[str, dict[str, Baseline]] = field(default_factory=dict)
    seen: list[Sighting] = field(default_factory=list)
    looks: list[tuple[str, str]] = field(default_factory=list)
    notices: list[tuple[str, str, str]] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)
    said: str = ""
    drops: int = 0
    refusals: int = 0

    @property
    def knowledge(self) -> Any:
        return self

    @property
    def names(self) -> list[str]:
        """The common names of what was seen, in order."""
        return [str(s.dn).partition(",")[0].removeprefix("CN=") for s in self.seen]

    async def baselines(self, site: str) -> dict[str, Baseline]:
        return self.known.get(site, {})

    async def accepted_identities(self, site: str) -> list[Any]:
        return []

    async def deliver(
        self, sightings: Sequence[Sighting], *, position: tuple[str, str] | None = None, patient: bool = False
    ) -> None:
        if self.refuses and sightings:
            self.refuses -= 1
            raise TemporaryError("the ledger is away")
        self.seen += sightings
        if position:
            self.positions |= [position]

    async def ask_look(self, site: str, why: str) -> None:
        self.looks.append((site, why))

    async def notice(self, site: str, what: str, detail: str) -> None:
        self.notices.append((site, what, detail))

    async def position(self, key: str) -> str | None:
        return self.positions.get(key)

    async def remember(self, key: str, value: str) -> None:
        self.positions[key] = value

    def healthy(self, detail: str = "", *, lag: float = 0.0) -> None:
        self.said = detail or "up"

    def dropped(self, count: int, why: str) -> None:
        self.drops += count

    def refused(self, count: int) -> None:
        self.refusals += count

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for something to be so; ``what`` is the complaint's text when it never is."""
        deadline = asyncio.get_running_loop().time() + LIMIT
        while not holds():
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"not within {LIMIT} s: {what}")
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def running(self, source: Any, settings: Any) -> AsyncIterator[asyncio.Task[None]]:
        """The source runs while the block does, and has said that it works."""
        self.said = ""
        task = asyncio.create_task(source.run(settings, self))
        try:
            await self.until(lambda: self.said or task.done(), "the source works")
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
