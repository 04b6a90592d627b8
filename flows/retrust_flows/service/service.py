"""The service, wired: sources in, passes out, one HTTP door. Everything in it may be killed at any time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from retrust.engine.engine import Engine
from retrust.errors import RetrustError
from retrust.ledger import Ledger
from retrust_flows.service import web
from retrust_flows.service.assigning import Assigner
from retrust_flows.service.dispatch import Dispatcher
from retrust_flows.service.emitting import Emitter
from retrust_flows.service.intake import REPEATS, Intake
from retrust_flows.service.launching import Launcher
from retrust_flows.service.metrics import Metrics
from retrust_flows.service.supervision import Supplied, health, keep_running, supplied_sources
from retrust_flows.service.tail import Tail

log = logging.getLogger("retrust.service")

PASS_GRACE = 20.0
"""Seconds that passes under way may take to end when the service is stopped."""
AGAIN = 5.0


@dataclass
class Service:
    """A running service. ``sources``, ``dispatcher`` and ``metrics`` are for looking; ``url`` is its door."""

    engine: Engine
    ledger: Ledger
    metrics: Metrics
    intake: Intake
    tail: Tail
    dispatcher: Dispatcher
    assigner: Assigner
    emitter: Emitter | None
    sources: list[Supplied]
    url: str = ""
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        engine: Engine,
        ledger: Ledger,
        launcher: Launcher,
        metrics: Metrics,
        *,
        emitter: Emitter | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        poll: float = 1.0,
        repeats: float = REPEATS,
    ) -> Service:
        """``InventoryError`` where a source's settings are wrong."""
        intake, tail = Intake(ledger, repeats=repeats), Tail(ledger, poll=poll)
        assigner = Assigner(engine, ledger, clock)
        dispatcher = Dispatcher(engine, ledger, launcher, tail, clock)
        sources = supplied_sources(engine, ledger, intake)
        metrics.sources, metrics.standings = lambda: sources, lambda: tuple(dispatcher.standings.values())
        metrics.unassigned = lambda: assigner.unassigned
        return cls(engine, ledger, metrics, intake, tail, dispatcher, assigner, emitter, sources)

    @asynccontextmanager
    async def running(self, sock: socket.socket | None = None, *, grace: float = PASS_GRACE) -> AsyncIterator[Service]:
        """All of it, until the block ends: then sources first, the door, and passes last."""
        await self.dispatcher.start()
        self.tail.listeners += [self.metrics.take, self.assigner.take, self.intake.take]
        try:
            self._start("dispatcher", self.dispatcher.run)
            self._start("assigner", self.assigner.run)
            if self.emitter is not None:
                self.tail.listeners.append(self.emitter.take)
                self._start("events", self.emitter.run)
            for source in self.sources:
                self._tasks[source.name] = asyncio.create_task(keep_running(source), name=source.name)
            async with self._door(sock):
                yield self
                await self._stop(*(source.name for source in self.sources))
        finally:
            await self._stop(*self._tasks)
            await self.intake.close()
            await self.dispatcher.close(grace)

    def _start(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks[name] = asyncio.create_task(_kept_up(name, run), name=name)

    async def _stop(self, *names: str) -> None:
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def _door(self, sock: socket.socket | None) -> AsyncIterator[None]:
        if sock is None:
            yield
            return
        console = self.engine.inventory.console
        apps = [(app.path, app.build(self.engine, self.ledger)) for app in self.engine.plugins.apps.values()]
        server = web.server(
            web.root(apps, ready=self.ready, metrics=self.metrics.text),
            certificate=console.certificate,
            key=console.key,
        )
        host, port = sock.getsockname()[:2]
        self.url = f"{'https' if console.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
        serving = asyncio.create_task(server.serve(sockets=[sock]), name="door")
        try:
            while not (server.started or serving.done()):  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0.01)
            if serving.done():
                serving.result()
            yield
        finally:
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)

    async def ready(self) -> dict[str, Any]:
        """Ready to hear, keep and act: the ledger answers. A source that is down is told and is no reason."""
        try:
            await self.ledger.head()
            ledger = "up"
        except RetrustError as exc:
            ledger = str(exc)
        standings = [s for s in self.dispatcher.standings.values() if s.state is not None]
        return {
            "ready": ledger == "up",
            "ledger": ledger,
            "sources": health(self.sources),
            "open_cases": len(standings),
            "unassigned_sightings": self.assigner.unassigned,
        }


async def _kept_up(name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A part that fails in a way nobody thought of is started again: the ledger is unharmed by it."""
    while True:
        with contextlib.suppress(Exception):
            try:
                await run()
            except Exception:
                log.exception("the %s failed and is started again", name)
                raise
        await asyncio.sleep(AGAIN)
