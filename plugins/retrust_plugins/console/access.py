"""What a route may ask of a request: who sends it, and that a form is really theirs."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from retrust.approval import token_id
from retrust_plugins.console.context import Console
from retrust_plugins.console.sessions import Visitor


def console_of(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


TheConsole = Annotated[Console, Depends(console_of)]


def address_of(request: Request) -> str:
    """Where a request comes from; a proxy that the inventory trusts is believed, and nobody else."""
    address = request.client.host if request.client else "unknown"
    trusted = console_of(request).host.inventory.console.trusted_proxies
    hops = [hop.strip() for line in request.headers.getlist("x-forwarded-for") for hop in line.split(",")]
    while address in trusted and hops:
        address = hops.pop()
    return address


def callers(request: Request, token: str = "") -> tuple[str, ...]:
    """Whose failures a wrong token counts as: its address, and the account that it names."""
    account = token_id(token)
    return (address_of(request), f"token {account}") if account else (address_of(request),)


class SignInFirst(HTTPException):
    """A page for known people only; the way there is the sign-in page."""

    def __init__(self, path: str) -> None:
        super().__init__(303, "sign in first", {"Location": f"/sign-in?to={path}"})


async def signed_in(request: Request, console: TheConsole) -> Visitor:
    visitor = await console.sessions.by_cookie(request)
    if visitor is None:
        raise SignInFirst(request.url.path if request.method == "GET" else "/")
    return visitor


SignedIn = Annotated[Visitor, Depends(signed_in)]

_bearer = HTTPBearer(auto_error=False, description="An API token: `retrust token create PERSON`.")


async def known(
    request: Request, console: TheConsole, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Visitor:
    """Whose token it is; cookies count for nothing here, so that no other site's page can use one."""
    visitor = await console.sessions.by_bearer(bearer.credentials) if bearer else None
    if visitor is not None:
        return visitor
    who = callers(request, bearer.credentials if bearer else "")
    if bearer is not None:
        console.throttle.failed(*who)
    if wait := console.throttle.wait(*who):
        raise HTTPException(429, "too many failed attempts", {"Retry-After": str(wait)})
    raise HTTPException(401, "a valid API token is needed", {"WWW-Authenticate": "Bearer"})


Known = Annotated[Visitor, Depends(known)]


async def decides(visitor: Known) -> Visitor:
    if visitor.read_only:
        raise HTTPException(403, "this token only reads")
    return visitor


Decides = Annotated[Visitor, Depends(decides)]


async def posting(
    request: Request, console: TheConsole, visitor: SignedIn, csrf: Annotated[str, Form()] = ""
) -> Visitor:
    """A form of our own, sent by the person who was given it."""
    check_origin(request)
    if not console.sessions.seals.is_token("form", visitor.session or "", csrf):
        raise HTTPException(403, "this form is not from your session: open the page again")
    return visitor


Posting = Annotated[Visitor, Depends(posting)]


async def deciding(visitor: Posting) -> Visitor:
    return await decides(visitor)


Deciding = Annotated[Visitor, Depends(deciding)]


def check_origin(request: Request) -> None:
    """A browser says where a form was; anywhere else than here is refused, token or not."""
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise HTTPException(403, "this form comes from another site")
    if origin not in (None, "null") and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "this form comes from another site")
