"""A console on a scene of its own, and people who come with tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from kit.forms import hidden_field
from kit.scenes import a_world
from retrust.approval.tokens import create_token
from retrust.engine.engine import Engine
from retrust.ledger import Ledger

BASE = "http://console.test"


@dataclass
class World:
    """``app`` is as the service serves it; ``text`` collects every answer's body, to be searched."""

    engine: Engine
    ledger: Ledger
    app: Any
    tokens: dict[str, str] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    browsers: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def token(self, person: str, **more: Any) -> str:
        if person not in self.tokens or more:
            _, text = await create_token(
                self.ledger, self.engine.inventory, person, actor="person:admin", lasts=timedelta(hours=1), **more
            )
            self.tokens[person] = text
        return self.tokens[person]

    def client(self, **more: Any) -> httpx.AsyncClient:
        async def keep(response: httpx.Response) -> None:
            if "text/event-stream" not in response.headers.get("content-type", ""):
                await response.aread()
                self.text.append(response.text)

        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=BASE, event_hooks={"response": [keep]}, **more)

    async def api(self, person: str) -> httpx.AsyncClient:
        return self.client(headers={"Authorization": f"Bearer {await self.token(person)}"})

    async def browser(self, person: str) -> httpx.AsyncClient:
        """A client that signed in through the page, cookies and all."""
        client = self.client()
        page = await client.get("/sign-in")
        csrf = hidden_field(page.text, "csrf")
        answer = await client.post("/sign-in", data={"token": await self.token(person), "csrf": csrf})
        assert answer.status_code == 303, answer.text
        return client


MakeWorld = Callable[..., Awaitable[World]]


@asynccontextmanager
async def worlds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeWorld]:
    """Makes worlds in ``folder``, which end with the block."""
    async with AsyncExitStack() as stack:

        async def make(**inventory: Any) -> World:
            engine, ledger = await stack.enter_async_context(a_world(folder, monkeypatch, **inventory))
            return World(engine, ledger, engine.plugins.apps["console"].build(engine, ledger))

        yield make
