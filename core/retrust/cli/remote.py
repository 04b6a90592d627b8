"""The same verbs over a console's API: ``--server URL``, with the token of ``RETRUST_TOKEN``.

The server judges, records and answers as it does for its own pages; nothing of a case is known here, and no
inventory is read. What the API offers is told by its OpenAPI document, ``/api/v1/openapi.json``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from retrust.cli.showing import TOKEN
from retrust.errors import PermanentError, RetrustError, TemporaryError, UsageError

if TYPE_CHECKING:
    import httpx  # heavy, and only --server needs it

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EXIT = {
    400: UsageError,
    404: UsageError,
    409: PermanentError,
    422: UsageError,
    429: TemporaryError,
    503: TemporaryError,
}


class NotAllowed(PermanentError):
    """The server knows who asks, and a rule forbids it; or it does not know them."""

    exit_code = 3


class Server:
    """One console's API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def cases(self, *, site: str | None, all_: bool) -> list[dict[str, Any]]:
        query: dict[str, Any] = {"state": "all" if all_ else "open", "limit": 100} | ({"site": site} if site else {})
        found: list[dict[str, Any]] = (await self._asked("GET", "cases", params=query))["cases"]
        return found

    async def story(self, case: str) -> dict[str, Any]:
        return await self._asked("GET", f"cases/{case}")

    async def decide(self, case: str, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._asked("POST", f"cases/{case}/{verb}", json={k: v for k, v in body.items() if v is not None})

    async def make_token(self, body: dict[str, Any]) -> dict[str, Any]:
        return await self._asked("POST", "tokens", json=body)

    async def dismiss(self, sighting: str, reason: str) -> dict[str, Any]:
        return await self._asked("POST", f"sightings/{sighting}/dismiss", json={"reason": reason})

    async def _asked(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        import httpx  # heavy, and only --server needs it

        try:
            answer = await self._client.request(method, path, **more)
        except httpx.HTTPError as exc:
            raise TemporaryError(
                f"the server cannot be reached: {type(exc).__name__}", where=str(self._client.base_url)
            ) from exc
        said = _object(answer)
        if answer.status_code >= 300:
            raise _error(answer.status_code, said)
        return said


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise PermanentError(
            f"answers {answer.status_code} with something that is not a console's",
            where=str(answer.request.url.copy_with(query=None)),
        )
    return said


def _error(status: int, said: dict[str, Any]) -> RetrustError:
    kind = NotAllowed if status in (401, 403) else _EXIT.get(status, PermanentError)
    return kind(str(said.get("error") or f"answered {status}"), where=said.get("where"), hint=said.get("hint"))


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Server]:
    """The API below ``url``, with the token of the environment. No redirect is followed: it would carry it on."""
    import httpx  # heavy, and only --server needs it

    token = os.environ.get(TOKEN)
    if not token:
        raise UsageError(
            f"--server needs a token: set {TOKEN}",
            hint="whoever runs the server makes one: retrust token create PERSON",
        )
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError("must be an https:// address: a token is sent there", where=f"--server {url}")
    async with httpx.AsyncClient(
        base_url=f"{url.rstrip('/')}/api/v1/",
        timeout=30,
        follow_redirects=False,
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield Server(client)
