"""Web sessions: a cookie, a lifetime, and the way back to the login page when either is gone."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from retrust_plugins.lab.pages.port import PagesNode, Session

COOKIE = "JSESSIONID"


class Sessions:
    def __init__(self, node: PagesNode, login: str) -> None:
        self._node, self._login = node, login
        self._ended_at: set[str] = set()

    def begin(self) -> Session:
        session = Session(secrets.token_urlsafe(18), 0.0)
        self._touch(session)
        self._node.web_sessions[session.name] = session
        return session

    def end(self, request: Request) -> None:
        self._node.web_sessions.pop(request.cookies.get(COOKIE, ""), None)

    def _ends_at(self, place: str | None) -> bool:
        """Whether the session ends here, as the settings say; once at each place."""
        if place is None or place in self._ended_at or place not in self._node.settings.pages.ends_session:
            return False
        if place == "milestones" and not self._node.ha.registering:
            return False
        self._ended_at.add(place)
        return True

    def required(
        self, page: Callable[[Request, Session], Awaitable[Response]], place: str | None = None
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if self._ends_at(place):
                self.end(request)
            session = self._node.web_sessions.get(request.cookies.get(COOKIE, ""))
            if session is None or session.expires < asyncio.get_running_loop().time():
                return RedirectResponse(self._login, 302)
            self._touch(session)
            answer = await page(request, session)
            if place and self._ends_at(f"{place}-done"):
                self.end(request)
                return RedirectResponse(self._login, 302)
            return answer

        return guarded

    def _touch(self, session: Session) -> None:
        session.expires = asyncio.get_running_loop().time() + self._node.settings.pages.session_lifetime
