"""Who asks: by a bearer token, or by the cookie of a sign-in.

A sign-in is a sealed cookie that ends by itself; it also ends when its person signs out, when the token that
it was made with is revoked, and when the inventory no longer names the person, or no longer by this subject of this
provider. All of that is asked anew at every request, of the ledger and the inventory.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from retrust.approval import ADMIN, Register, Speaker, Token, person_at, roles_of
from retrust_plugins.console.guard import Seals

if TYPE_CHECKING:
    from retrust.host import Host


@dataclass(frozen=True)
class Visitor:
    """A person who is known; ``session`` is None where a bearer token said who it is."""

    speaker: Speaker
    read_only: bool = False
    session: str | None = None

    @property
    def name(self) -> str:
        return self.speaker.actor.removeprefix("person:")

    @property
    def role(self) -> str:
        """What the pages call them. What they may do, ``retrust.approval`` says, each time anew."""
        if self.read_only:
            return "viewer"
        return "administrator" if ADMIN in self.speaker.roles else "approver"


class Sessions:
    def __init__(self, host: Host, register: Register, seals: Seals) -> None:
        self._host = host
        self._register = register
        self.seals = seals

    async def by_bearer(self, text: str) -> Visitor | None:
        token = await self._register.known(text)
        return self._of_token(token, None) if token else None

    def _of_token(self, token: Token, session: str | None) -> Visitor | None:
        if token.person not in self._host.inventory.people:
            return None
        return Visitor(self._speaker(token.person), token.read_only, session)

    def _speaker(self, person: str) -> Speaker:
        actor = f"person:{person}"
        return Speaker(actor, roles_of(self._host.inventory, actor))

    async def by_cookie(self, request: Request) -> Visitor | None:
        held = self.seals.opened("session", request.cookies.get(cookie_name(request, self._host)))
        if held is None or await self._register.is_signed_out(held["session"]):
            return None
        if held["token"] is not None:
            token = await self._register.token(held["token"])
            return self._of_token(token, held["session"]) if token else None
        person = person_at(self._host.inventory, *(held.get("subject") or ("", "")))
        return Visitor(self._speaker(person), session=held["session"]) if person else None

    async def sign_in(
        self,
        request: Request,
        response: Response,
        *,
        person: str,
        token: str | None = None,
        subject: tuple[str, str] | None = None,
    ) -> None:
        """By a token, or by an OpenID provider's issuer and ``subject``."""
        session = secrets.token_urlsafe(24)
        lasts = self._host.inventory.console.session.total_seconds()
        value: dict[str, Any] = {"session": session, "token": token, "subject": subject}
        await self._register.sign_in(session, actor=f"person:{person}", by=f"token {token}" if token else "oidc")
        set_cookie(
            request,
            response,
            self._host,
            cookie_name(request, self._host),
            self.seals.seal("session", value, lasts),
            int(lasts),
        )

    async def sign_out(self, request: Request, response: Response, visitor: Visitor) -> None:
        if visitor.session is not None:
            await self._register.sign_out(visitor.session, actor=visitor.speaker.actor)
        response.delete_cookie(
            cookie_name(request, self._host),
            path="/",
            secure=is_secure(request, self._host),
            httponly=True,
            samesite="lax",
        )


def is_secure(request: Request, host: Host) -> bool:
    """Whether browsers come here over TLS: they do so directly, or the inventory says so of our address."""
    return request.url.scheme == "https" or host.inventory.console.address.startswith("https://")


def cookie_name(request: Request, host: Host) -> str:
    """``__Host-`` binds a cookie to this very host; browsers allow it over TLS only."""
    return "__Host-retrust" if is_secure(request, host) else "retrust"


def set_cookie(request: Request, response: Response, host: Host, name: str, value: str, lasts: int) -> None:
    response.set_cookie(
        name, value, max_age=lasts, path="/", secure=is_secure(request, host), httponly=True, samesite="lax"
    )
