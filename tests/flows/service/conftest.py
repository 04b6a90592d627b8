"""A service in this process over the lab's pair; its passes run bare, so that no test here needs Prefect."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from kit.campus import Campus, campus, engine_over, one_pass, person_at_the_pages
from retrust.engine.engine import Engine
from retrust.errors import RetrustError
from retrust.ledger import Case, Ledger
from retrust_flows.service import web
from retrust_flows.service.launching import Order
from retrust_flows.service.metrics import Metrics
from retrust_flows.service.service import Service

LIMIT = 30.0


@dataclass
class Bare:
    """Launches passes without Prefect; ``orders`` are those it was given."""

    engine: Engine
    ledger: Ledger
    tell: Callable[[str], None] = lambda _: None
    orders: list[Order] = field(default_factory=list)
    hands_over = False

    async def launch(self, order: Order) -> None:
        self.orders.append(order)
        with contextlib.suppress(RetrustError):  # the case says so
            await one_pass(self.engine, self.ledger, self.engine.site(order.site), actor="service", tell=self.tell)


@dataclass
class Serving:
    """A running service, the site that it serves, and a client at its door."""

    site: Campus
    service: Service
    ledger: Ledger
    launched: Bare
    http: httpx.AsyncClient

    async def until(self, holds: Callable[[], Awaitable[Any]], what: str, limit: float = LIMIT) -> Any:
        """Wait for something of the ledger to be so, and give it."""
        deadline = asyncio.get_running_loop().time() + limit
        while not (found := await holds()):
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"not within {limit} s: {what}")
            await asyncio.sleep(0.01)
        return found

    async def case(self, *states: str) -> Case:
        """The newest case, once it is in one of these states."""

        async def found() -> Case | None:
            cases = await self.ledger.cases(limit=1)
            return cases[0] if cases and cases[0].state in states else None

        return await self.until(found, f"the case is {' or '.join(states)}")


Serve = Callable[..., Any]


@pytest.fixture(name="serving")
def _serving() -> Any:
    return serving


@asynccontextmanager
async def serving(
    site: Campus,
    *,
    sources: list[dict[str, Any]] | None = None,
    poll: float = 0.2,
    repeats: float = 0.5,
    **options: Any,
) -> AsyncIterator[Serving]:
    """A service of its own over a site: its own engine and its own ledger, as after a restart."""
    if sources is not None:
        document = yaml.safe_load(site.inventory.read_text())
        document["sources"] = sources
        site.inventory.write_text(yaml.safe_dump(document, sort_keys=False))
    engine = engine_over(site.inventory, site.home)
    async with await engine.open_ledger() as ledger:
        launched = Bare(engine, ledger, person_at_the_pages(site.lab))
        service = Service.build(engine, ledger, launched, Metrics(), poll=poll, repeats=repeats, **options)
        with web.bind("127.0.0.1", 0) as sock:
            async with service.running(sock), httpx.AsyncClient(base_url=service.url, trust_env=False) as http:
                yield Serving(site, service, ledger, launched, http)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Campus]]]:
    """Starts a campus; see ``kit.campus``."""
    async with AsyncExitStack() as stack:

        async def starting(settings: Any = None, **options: Any) -> Campus:
            return await stack.enter_async_context(campus(tmp_path, settings, **options))

        yield starting


@pytest.fixture
async def site(start: Callable[..., Awaitable[Campus]]) -> Campus:
    """A pair that was verified healthy yesterday."""
    running = await start()
    await running.settle_in()
    return running
