"""What stands around every request: security headers, a limit on sizes, and sealed values for cookies and forms."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 64 * 1024
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000"


class Headers:
    """Every answer has them, errors and files too. Nothing but static files may be kept by a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        answered = False

        async def with_headers(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = HSTS
                if not scope["path"].startswith("/static/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception:
            if not answered:  # an answered one was logged, redacted; the server's own log would not be
                raise


class TooLarge(Exception):
    """The body is larger than anything that is asked for here."""


class Limit:
    """Refuses a body over the limit, whether its length was announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > LARGEST_BODY:
            await _too_large(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST_BODY:
                raise TooLarge
            return message

        try:
            await self._app(scope, counted, send)
        except TooLarge:
            await _too_large(scope, receive, send)


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"error": "the request is too large"}, 413)(scope, receive, send)


class Seals:
    """Values that only this console can have made, each for one purpose and for a time; readable by anyone."""

    FILE = "console.key"

    def __init__(self, home: Path) -> None:
        self._home = home

    @cached_property
    def _key(self) -> bytes:
        """Kept in the home, mode 600, so that a restart signs nobody out."""
        path = self._home / self.FILE
        if not path.exists():
            _make(path)
        return path.read_bytes()

    def seal(self, purpose: str, value: dict[str, Any], lasts: float) -> str:
        body = base64.urlsafe_b64encode(json.dumps({**value, "until": int(time.time() + lasts)}).encode())
        return f"{body.decode()}.{self._tag(purpose, body)}"

    def opened(self, purpose: str, text: str | None) -> dict[str, Any] | None:
        """The value, if the seal is whole and not too old."""
        body, _, tag = (text or "").encode("utf-8", "replace").partition(b".")
        if not hmac.compare_digest(self._tag(purpose, body).encode(), tag):
            return None
        value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
        return value if value["until"] > time.time() else None

    def token(self, purpose: str, of: str) -> str:
        """What a form must bring back; nobody else can know it."""
        return self._tag(purpose, of.encode())

    def is_token(self, purpose: str, of: str, given: str | None) -> bool:
        return hmac.compare_digest(self.token(purpose, of).encode(), (given or "").encode("utf-8", "replace"))

    def _tag(self, purpose: str, body: bytes) -> str:
        return hmac.new(self._key, purpose.encode() + b"\0" + body, hashlib.sha256).hexdigest()


def _make(path: Path) -> None:
    """Written beside and linked into place: two processes that make one at once end with the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600 from the start
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        path.hardlink_to(beside)
    except FileExistsError:
        return
    finally:
        beside.unlink()
