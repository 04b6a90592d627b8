"""Signing in with an API token, and signing out. An OpenID provider's sign-in is ``oidc``."""

from __future__ import annotations

import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from retrust_plugins.console.access import Posting, TheConsole, callers, check_origin
from retrust_plugins.console.context import Console
from retrust_plugins.console.rendering import page
from retrust_plugins.console.sessions import cookie_name, set_cookie

router = APIRouter(include_in_schema=False)
FORM_LASTS = 3600


def local(path: str) -> str:
    """A path of ours to go to after signing in; whatever could lead elsewhere becomes the first page."""
    parts = urlsplit(path)
    own = path.startswith("/") and not path.startswith(("//", "/\\", "/api/", "/sign-"))
    return path if own and not parts.netloc and path.isprintable() and "\\" not in path else "/"


@router.get("/sign-in")
async def form(request: Request, console: TheConsole, to: str = "/") -> Response:
    return _form(request, console, local(to))


def _form(request: Request, console: Console, to: str, status: int = 200, problem: str | None = None) -> Response:
    """Before anybody is known, the form's token is held against a cookie of its own."""
    nonce = secrets.token_urlsafe(16)
    seals, oidc = console.sessions.seals, console.host.inventory.console.oidc
    response = page(
        request,
        "sign_in.html",
        status,
        title="Sign in",
        to=to,
        problem=problem,
        token=seals.token("sign-in", nonce),
        provider=urlsplit(oidc.issuer).hostname if oidc else None,
    )
    set_cookie(
        request,
        response,
        console.host,
        f"{cookie_name(request, console.host)}-form",
        seals.seal("sign-in", {"nonce": nonce}, FORM_LASTS),
        FORM_LASTS,
    )
    return response


@router.post("/sign-in")
async def sign_in(
    request: Request,
    console: TheConsole,
    token: Annotated[str, Form(max_length=200)] = "",
    csrf: Annotated[str, Form()] = "",
    to: Annotated[str, Form()] = "/",
) -> Response:
    check_origin(request)
    who, seals = callers(request, token.strip()), console.sessions.seals
    held = seals.opened("sign-in", request.cookies.get(f"{cookie_name(request, console.host)}-form"))
    if held is None or not seals.is_token("sign-in", held["nonce"], csrf):
        return _form(request, console, local(to), 403, "The page was open for too long. Try again.")
    if wait := console.throttle.wait(*who):
        response = _form(request, console, local(to), 429, f"Too many failed attempts. Try again in {wait} seconds.")
        response.headers["Retry-After"] = str(wait)
        return response
    found = await console.register.known(token.strip())
    if found is None or found.person not in console.host.inventory.people:
        console.throttle.failed(*who)
        return _form(request, console, local(to), 401, "This token is not valid.")
    response = RedirectResponse(local(to), 303)
    await console.sessions.sign_in(request, response, person=found.person, token=found.id)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, console: TheConsole, visitor: Posting) -> Response:
    response = RedirectResponse("/sign-in", 303)
    await console.sessions.sign_out(request, response, visitor)
    return response
