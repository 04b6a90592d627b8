"""Keeping sources running: each in a task of its own, started again with back-off when it ends or raises."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from retrust.engine.engine import Engine
from retrust.errors import InventoryError
from retrust.host import Host
from retrust.ledger import Ledger
from retrust.ledger.entries import LookAsked, Noticed
from retrust.models import Sighting
from retrust.sources import EventSource
from retrust_flows.service.intake import Intake

if TYPE_CHECKING:
    from retrust.ledger import Knowledge

log = logging.getLogger("retrust.sources")

FIRST, LONGEST = 1.0, 60.0
Sleep = Callable[[float], Awaitable[None]]


@dataclass
class Supplied:
    """One source of the inventory, its settings, and how it is doing. It is also what the source delivers to."""

    name: str
    kind: EventSource[Any]
    settings: BaseModel
    host: Host
    knowledge: Knowledge
    ledger: Ledger = field(repr=False)
    intake: Intake = field(repr=False)
    up: bool = False
    detail: str = "not started"
    lag: float = 0.0
    heard_at: datetime | None = None
    delivered: int = 0
    restarts: int = 0
    drops: int = 0
    refusals: int = 0

    async def deliver(
        self, sightings: Sequence[Sighting], *, position: tuple[str, str] | None = None, patient: bool = False
    ) -> None:
        positions = {(self.kind.name, position[0]): position[1]} if position else None
        await self.intake.deliver(self.name, sightings, positions, patient=patient)
        if sightings:
            self.delivered += sum(seen.count for seen in sightings)
            self.heard_at = datetime.now(UTC)

    async def ask_look(self, site: str, why: str) -> None:
        await self.ledger.append(LookAsked(why=why, source=self.name), actor="service", site=site)

    async def notice(self, site: str, what: str, detail: str) -> None:
        await self.ledger.append(Noticed(what=what, detail=detail), actor="service", site=site)

    async def position(self, key: str) -> str | None:
        return await self.intake.position(self.name, self.kind.name, key)

    async def remember(self, key: str, value: str) -> None:
        await self.deliver((), position=(key, value))

    def healthy(self, detail: str = "", *, lag: float = 0.0) -> None:
        self.up, self.detail, self.lag = True, detail, lag

    def dropped(self, count: int, why: str) -> None:
        self.drops += count
        log.warning("%s lost %d: %s", self.name, count, why)

    def refused(self, count: int) -> None:
        self.refusals += count


def supplied_sources(engine: Engine, ledger: Ledger, intake: Intake) -> list[Supplied]:
    """The inventory's sources with their settings; ``InventoryError`` names every line that is wrong."""
    problems: list[str] = []
    found = list(_read(engine, ledger, intake, problems))
    if problems:
        raise InventoryError("the inventory's sources are wrong", problems=tuple(problems))
    return found


def _read(engine: Engine, ledger: Ledger, intake: Intake, problems: list[str]) -> Iterator[Supplied]:
    for index, entry in enumerate(engine.inventory.sources):
        kind = engine.plugins.sources.get(entry.source)
        if kind is None:
            known = ", ".join(sorted(engine.plugins.sources)) or "none"
            problems.append(
                f"{engine.inventory.where('sources', index, 'source')}: no plugin provides this source; loaded: {known}"
            )
            continue
        try:
            settings = engine.inventory.parse(kind.settings_model, entry.settings, "sources", index)
        except InventoryError as exc:
            problems.extend(exc.problems)
            continue
        yield Supplied(f"{kind.name}[{index}]", kind, settings, engine, ledger, ledger, intake)


async def keep_running(source: Supplied, *, sleep: Sleep = asyncio.sleep, first: float = FIRST) -> None:
    """Run a source until cancelled; ``sleep`` and ``first`` are the back-off's, which grows to a minute."""
    pause = first
    while True:
        began = asyncio.get_running_loop().time()
        source.detail = "starting"
        try:
            await source.kind.run(source.settings, source)
            why = "it ended by itself"
        except asyncio.CancelledError:
            source.up, source.detail = False, "stopped"
            raise
        except Exception as exc:
            why = f"{type(exc).__name__}: {exc}"
        if source.up and asyncio.get_running_loop().time() - began > LONGEST:
            pause = first
        source.up, source.detail, source.restarts = False, why, source.restarts + 1
        log.warning("the source %s stopped and is started again in %.3g s: %s", source.name, pause, why)
        await sleep(pause)
        pause = min(pause * 2, LONGEST)


def health(sources: Sequence[Supplied]) -> dict[str, Any]:
    """For ``/readyz``: by source, whether it is up and what it says."""
    return {
        s.name: {
            "up": s.up,
            "detail": s.detail,
            "lag_seconds": round(s.lag, 3),
            "delivered": s.delivered,
            "restarts": s.restarts,
            "drops": s.drops,
            "refused": s.refusals,
        }
        for s in sources
    }
