"""The console's FastAPI application: its parts, and how each kind of error is answered.

An error is one sentence with a hint, as at the command line; what is not ours to explain is logged, redacted, and
answered without a word of it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from retrust.approval import Register
from retrust.apps import App
from retrust.errors import RetrustError
from retrust_plugins.console import api, oidc, pages, signin
from retrust_plugins.console.board import Board
from retrust_plugins.console.context import API, HERE, Console, status_of
from retrust_plugins.console.guard import Headers, Limit, Seals
from retrust_plugins.console.live import Full, Streams
from retrust_plugins.console.rendering import page
from retrust_plugins.console.sessions import Sessions
from retrust_plugins.console.throttle import Throttle

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.ledger import Ledger

log = logging.getLogger(__name__)


class ConsoleApp(App):
    """Pages need no JavaScript for reading and deciding; scripts only keep them up to date."""

    name = "console"
    path = "/"

    def build(self, host: Host, ledger: Ledger) -> Any:
        return guarded(build_app(host, ledger))


def build_app(host: Host, ledger: Ledger) -> FastAPI:
    """The application itself; it is served as ``guarded`` makes it."""
    app = FastAPI(
        title="Retrust",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
        description="Cases, their plans and gates, and people's decisions. Tokens: `retrust token create PERSON`.",
    )
    register = Register(ledger)
    app.state.console = Console(
        host,
        ledger,
        register,
        Sessions(host, register, Seals(host.home)),
        Throttle(),
        Streams(ledger),
        Board(host, ledger),
        asyncio.Semaphore(2),
    )
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for part in (api.router, signin.router, oidc.router, pages.router):
        app.include_router(part)
    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, answer)
    return app


def guarded(app: ASGIApp) -> ASGIApp:
    """As it is served. Outside of the application's own layers, so that no answer goes without headers."""
    return Headers(Limit(app))


# -- errors ------------------------------------------------------------------------------------------


async def _ours(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RetrustError)
    console: Console = request.app.state.console
    hint = console.clean(exc.hint) if exc.hint else None
    return await answer(request, status_of(exc), console.clean(exc.what), where=exc.where, hint=hint)


async def _http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    said = _NO_PAGE if exc.status_code == 404 and exc.detail == "Not Found" else str(exc.detail)
    return await answer(request, exc.status_code, said, headers=dict(exc.headers or {}))


async def _invalid(request: Request, exc: Exception) -> Response:
    """Which field is wrong and how; never what was sent, which may be a secret in the wrong field."""
    assert isinstance(exc, RequestValidationError)
    said = "; ".join(f"{'.'.join(map(str, e['loc'][1:])) or e['loc'][0]}: {e['msg']}" for e in exc.errors())
    return await answer(request, 422, said)


async def _full(request: Request, exc: Exception) -> Response:
    return await answer(request, 503, "too many streams are open; try again later", headers={"Retry-After": "30"})


async def _unexpected(request: Request, exc: Exception) -> Response:
    console: Console = request.app.state.console
    log.error("%s %s failed: %s", request.method, request.url.path, console.clean(f"{type(exc).__name__}: {exc}"))
    return await answer(request, 500, "an error that Retrust did not expect; the service's log says which")


_NO_PAGE = "there is no page at this address"
_TITLES = {403: "Not allowed", 404: "Not found", 409: "Not possible now", 422: "Wrong input", 503: "Not possible now"}


async def answer(
    request: Request,
    status: int,
    error: str,
    *,
    where: str | None = None,
    hint: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An error as the path wants it: an object under the API, a page elsewhere."""
    if request.url.path.startswith("/api/"):
        said: dict[str, Any] = {"error": error, "where": where, "hint": hint}
        return JSONResponse(said, status, headers)
    console: Console = request.app.state.console
    visitor = await console.sessions.by_cookie(request) if status < 500 else None  # what failed may be the ledger
    title = _TITLES.get(status, "Something went wrong")
    response = page(
        request, "error.html", status, title=title, visitor=visitor, code=status, error=error, where=where, hint=hint
    )
    response.headers.update(headers or {})
    return response


_ANSWERS: dict[type[Exception], Any] = {
    RetrustError: _ours,
    HTTPException: _http,
    RequestValidationError: _invalid,
    Full: _full,
    Exception: _unexpected,
}
