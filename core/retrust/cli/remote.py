"""The same verbs over a console's API: ``--server URL``, or the one that ``retrust login`` keeps.

The server judges, records and answers as it does for its own pages; nothing of a case is known here, and no
inventory is read. What the API offers is told by its OpenAPI document, ``/api/v1/openapi.json``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import platformdirs
import typer

from retrust.cli import output
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

    async def who(self) -> dict[str, Any]:
        return await self._asked("GET", "me")

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
    """The API below ``url``, with the token of the environment, or the one that ``login`` keeps for this address.

    No redirect is followed: it would carry the token to another server.
    """
    token = os.environ.get(TOKEN) or (kept[1] if (kept := _kept()) and kept[0] == url.rstrip("/") else None)
    if not token:
        raise UsageError(
            f"--server needs a token: set {TOKEN}, or type `retrust login {url}`",
            hint="whoever runs the server makes one: retrust token create PERSON",
        )
    async with _client(url, token) as client:
        yield Server(client)


def _client(url: str, token: str) -> httpx.AsyncClient:
    import httpx  # heavy, and only a server needs it

    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError("must be an https:// address: a token is sent there", where=url)
    return httpx.AsyncClient(
        base_url=f"{url.rstrip('/')}/api/v1/",
        timeout=30,
        follow_redirects=False,
        headers={"Authorization": f"Bearer {token}"},
    )


def chosen_server(server: str | None, inventory: Path | None) -> str | None:
    """``--server``; else the server of ``retrust login``, unless an inventory is named: then the ledger here."""
    if server is not None or inventory is not None:
        return server
    if (kept := _kept()) is None:
        return None
    output.say(f"at {kept[0]} (retrust logout: work here again)")
    return kept[0]


def _file() -> Path:
    return Path(platformdirs.user_config_dir("retrust", appauthor=False)) / "login"


def _kept() -> tuple[str, str] | None:
    """The address and the token; a file that others can read is not used."""
    try:
        status = _file().stat()
        url, token = _file().read_text().split()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise UsageError("this file cannot be read", where=str(_file()), hint="retrust logout, then login") from exc
    if status.st_mode & 0o077:
        raise UsageError("others can read this token", where=str(_file()), hint="revoke it, and log in with a new one")
    return url, token


async def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="The console's address.")],
) -> None:
    """Work against a running service from then on; asks for your token."""
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        token = getpass("token: ").strip() if sys.stdin.isatty() else sys.stdin.readline().strip()
    async with _client(url, token) as client:
        who = (await Server(client).who())["person"]
    path = _file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"login.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{url.rstrip('/')}\n{token}\n")
    fresh.replace(path)
    output.say(f"you are {who} at {url}: cases, show, approve, reject, cancel and dismiss work there from now on")


def logout() -> None:
    """Forget the server and its token; commands work on the ledger here again."""
    _file().unlink(missing_ok=True)
    output.say("logged out: commands work on the ledger here; the token is valid until it is revoked")
