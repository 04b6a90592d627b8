"""What answers on port 8082: the health monitor's login page, and what the nodes ask of each other.

The paths under ``/hm/`` are the lab's own; the real nodes' protocol is not known and not a client's business.
"""

from __future__ import annotations

import secrets
from html import escape
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from retrust_plugins.lab.health_monitor import Address
from retrust_plugins.lab.pages.port import PagesNode


def health_app(node: PagesNode) -> Starlette:
    peers, pages = _Peers(node), _Pages(node)
    return Starlette(
        routes=[
            Route("/hm/peer", peers.peer),
            Route("/hm/meet", peers.meet, methods=["POST"]),
            Route("/hm/register", peers.register, methods=["POST"]),
            Route("/hm/replicate", peers.replicate, methods=["POST"]),
            Route("/hm/activate", peers.activate, methods=["POST"]),
            Route("/", pages.front),
            Route("/login.jsp", pages.login),
            Route("/j_security_check", pages.check, methods=["POST"]),
            Route("/status.jsp", pages.status),
        ]
    )


class _Peers:
    """Replication and activation are taken only from a peer that agreed on the authentication key."""

    def __init__(self, node: PagesNode) -> None:
        self._node = node
        self._agreed = False

    async def peer(self, request: Request) -> Response:
        node = self._node
        return JSONResponse({"role": node.role, "mode": node.ha.mode, "last": node.health_monitor.last})

    async def meet(self, request: Request) -> Response:
        meeting, _ = await self._node.health_monitor.meet(_address(await request.json()))
        return JSONResponse({"last": meeting})

    async def register(self, request: Request) -> Response:
        body = await request.json()
        refusal = await self._node.ha.accept(str(body.get("authentication_key")), _address(body))
        self._agreed = refusal is None
        return JSONResponse({"error": refusal} if refusal else {}, status_code=403 if refusal else 200)

    async def replicate(self, request: Request) -> Response:
        if not self._agreed:
            return _not_agreed()
        self._node.ha.take((await request.json())["database"])
        return JSONResponse({})

    async def activate(self, request: Request) -> Response:
        if not self._agreed:
            return _not_agreed()
        self._node.ha.activate()
        return JSONResponse({})


def _not_agreed() -> Response:
    return JSONResponse({"error": "This server did not agree to be registered."}, status_code=403)


def _address(body: dict[str, Any]) -> Address:
    return Address(str(body["host"]), int(body["port"]))


class _Pages:
    """The login asks for the authentication key only."""

    def __init__(self, node: PagesNode) -> None:
        self._node = node
        self._sessions: set[str] = set()

    async def front(self, request: Request) -> Response:
        return RedirectResponse("/login.jsp", 302)

    async def login(self, request: Request) -> Response:
        return _page("Health Monitor Login Page", _FORM.format(error=""))

    async def check(self, request: Request) -> Response:
        form = await request.form()
        if form.get("authenticationKey") != self._node.authentication_key:
            return _page("Health Monitor Login Page", _FORM.format(error="Invalid authentication key."))
        session = secrets.token_urlsafe(16)
        self._sessions.add(session)
        answer = RedirectResponse("/status.jsp", 302)
        answer.set_cookie("JSESSIONID", session, secure=True, httponly=True)
        return answer

    async def status(self, request: Request) -> Response:
        if request.cookies.get("JSESSIONID") not in self._sessions:
            return RedirectResponse("/login.jsp", 302)
        node = self._node
        rows = (
            f"<tr><td>Role</td><td>{node.role.capitalize()}</td></tr>"
            f"<tr><td>State</td><td>{escape(node.ha.mode)}</td></tr>"
        )
        return _page("Health Monitor", f"<h1>Health Monitor Details</h1><table>{rows}</table>")


_FORM = """<h1>Health Monitor</h1><form method="post" action="/j_security_check"><table><tr>
<td>Authentication Key</td><td><input type="password" name="authenticationKey" autocomplete="off"></td></tr>
</table><div role="alert">{error}</div><input type="submit" value="Login"></form>"""


def _page(title: str, body: str) -> Response:
    return HTMLResponse(f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>")
