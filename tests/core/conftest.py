"""A ledger on each database, and a site whose appliance is in memory, with a real engine and ledger over it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.model import World, plugin
from kit.parts import Act, before_each
from retrust.approval import Attendance
from retrust.engine import Engine, load_plugins
from retrust.ledger import Ledger
from retrust.runs.endings import Ended
from retrust.runs.passes import one_pass
from retrust.testing.ledgers import BACKENDS, SetClock, database_url, migrated_url

SITE = "campus"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Every test that takes ``ledger`` or ``url`` runs on SQLite and on a real PostgreSQL."""
    return str(request.param)


@pytest.fixture
def url(backend: str, tmp_path: Path) -> str:
    """An empty database."""
    return database_url(backend, tmp_path)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def ledger(backend: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Ledger]:
    async with await Ledger.open(migrated_url(backend, tmp_path), tmp_path, clock=clock) as opened:
        yield opened


@dataclass
class Scene:
    world: World
    engine: Engine
    ledger: Ledger

    @property
    def site(self) -> Any:
        return self.engine.site(SITE)

    async def run(
        self,
        attendance: Attendance = Attendance("service", yes=True, accept_unproven=True),  # noqa: B008 - frozen
        *,
        before: Act = lambda _: None,
        **more: Any,
    ) -> Ended:
        """One pass; by default by whoever may say yes to everything at their terminal."""
        return await one_pass(self.engine, self.site, self.ledger, attendance, part=before_each(before), **more)

    async def broken(self) -> None:
        """A healthy look, and then alpha's certificate is renewed."""
        assert (await self.run()).outcome == "healthy"
        self.world.peers["alpha"].renewals += 1


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Awaitable[Scene]]]:
    """Makes the scene, with these keys of its site."""
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "home"))
    opened: list[Ledger] = []

    async def made(people: dict[str, list[str]] | None = None, **site: Any) -> Scene:
        world = World()
        inventory = tmp_path / "retrust.yaml"
        inventory.write_text(
            json.dumps(
                {
                    "people": people or {},
                    "sites": {SITE: {"target": "model", "trust": {"tunnels": "auto", "watch": "1ms"}, **site}},
                }
            )
        )
        engine = Engine.start(inventory, load_plugins(extra={"the-model": plugin(world)}))
        opened.append(await engine.open_ledger())
        return Scene(world, engine, opened[-1])

    yield made
    for ledger in opened:
        await ledger.close()
