"""The service's one HTTP door: health, metrics, and the applications that plugins bring."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from retrust.errors import UsageError

log = logging.getLogger("retrust.service")

Ready = Callable[[], Awaitable[dict[str, Any]]]
GRACE = 5
REQUEST_LIMIT = 20.0
"""Seconds in which a request must have come in whole; whoever sends half of one keeps no place."""


def root(apps: Sequence[tuple[str, Any]], *, ready: Ready, metrics: Callable[[], bytes]) -> Starlette:
    """``apps`` are paths with what is served below them; the longest path is asked first."""

    async def healthz(request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def readyz(request: Request) -> Response:
        told = await ready()
        return JSONResponse(told, 200 if told["ready"] else 503)

    async def metricsz(request: Request) -> Response:
        return Response(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    mounts = [Mount(path.rstrip("/"), app) for path, app in sorted(apps, key=lambda a: -len(a[0]))]
    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metricsz), *mounts],
        lifespan=_lifespans([app for _, app in apps]),
    )


def _lifespans(apps: Sequence[Any]) -> Any:
    """What is mounted is started and stopped as if it stood alone."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in apps:
                if (context := getattr(getattr(app, "router", None), "lifespan_context", None)) is not None:
                    await stack.enter_async_context(context(app))
            yield

    return lifespan


class _Server(uvicorn.Server):
    """Signals are the service's: it ends everything in order, this door first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(H11Protocol):
    """Ends a connection whose request does not come to its end, which uvicorn waits for without limit."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch(None)

    def _watch(self, before: object) -> None:
        if self.transport.is_closing():
            return
        state = self.conn.their_state
        half = state is h11.SEND_BODY or (state is h11.IDLE and self.timeout_keep_alive_task is None)
        now = (state, self.cycle) if half else None
        if now is not None and now == before:
            self.transport.close()
            return
        self.loop.call_later(REQUEST_LIMIT / 2, self._watch, now)


def bind(host: str, port: int) -> socket.socket:
    """Bound before anything else starts, so that a port in use is known at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as exc:
        raise UsageError(
            f"cannot listen: {exc.strerror}", where=f"{host}:{port}", hint="is another one running? --port chooses"
        ) from exc


def server(app: Any, *, certificate: Path | None = None, key: Path | None = None) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            date_header=True,
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=65,
            h11_max_incomplete_event_size=64 * 1024,
            ssl_certfile=str(certificate) if certificate else None,
            ssl_keyfile=str(key) if key else None,
        )
    )
