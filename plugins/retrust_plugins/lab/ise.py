"""ISE: the server itself, and the primary's list of ISE servers with their status.

The primary logs in over HTTPS, through its TOFU store, at every poll and when an entry is added. The path of
that login is the lab's own invention.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from retrust_plugins.lab.certificates import Identity
from retrust_plugins.lab.logs import NodeLog
from retrust_plugins.lab.network import Endpoint, Unreachable
from retrust_plugins.lab.ports import Twin
from retrust_plugins.lab.renewal import Renewable
from retrust_plugins.lab.settings import IseSettings
from retrust_plugins.lab.tofu import TofuMismatch, TofuStore

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp


LOGIN_PATH = "/admin/API/login"
REACHABLE, UNREACHABLE, UNKNOWN = "Reachable", "Unreachable", "Unknown"


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def read_basic(header: str) -> tuple[str, str] | None:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return username, password


class IseNode(Renewable):
    """An ISE server: one TLS endpoint that checks a login."""

    def __init__(self, lab: Twin, name: str, host: str, port: int, settings: IseSettings) -> None:
        self.name, self.host, self.settings = name, host, settings
        self.username = settings.username
        self.password = settings.password or f"Ise#{secrets.token_urlsafe(12)}"
        self.logins = self.failed_logins = 0
        super().__init__(lab, settings.subject or lab.subject_for(settings.hostname), (host, settings.hostname))
        self.endpoint = Endpoint(lab.network, name, host, port, self.present, self._app)
        lab.network.settle(name, host)

    @property
    def port(self) -> int:
        return self.endpoint.port

    async def start(self) -> None:
        await self.endpoint.open()

    async def stop(self) -> None:
        await self.endpoint.close()

    async def redeploy(self) -> None:
        await self.renew()

    async def _restart(self, identity: Identity) -> None:
        await self.stop()
        self.identity = identity
        await self.start()

    def _app(self) -> ASGIApp:
        async def front(_: Request) -> Response:
            return HTMLResponse("<title>Identity Services Engine</title><h1>Identity Services Engine</h1>")

        return Starlette(routes=[Route(LOGIN_PATH, self._login), Route("/", front)])

    async def _login(self, request: Request) -> Response:
        if read_basic(request.headers.get("authorization", "")) == (self.username, self.password):
            self.logins += 1
            return JSONResponse({"version": "2.4.0.357"})
        self.failed_logins += 1
        return JSONResponse({"error": "Authentication failed"}, status_code=401)


class IseRefused(Exception):
    """Why an entry was not added; the sentence that the page shows."""


@dataclass
class IseEntry:
    address: str
    port: int
    username: str
    password: str
    status: str = UNKNOWN
    version: str = ""
    broken: bool = False  # was mistrusted once; whether that heals by itself is a setting


class IseClient(Protocol):
    """The primary, as its list of ISE servers sees it."""

    @property
    def tofu(self) -> TofuStore: ...

    @property
    def log(self) -> NodeLog: ...

    def tell(self, event: str, *details: object) -> Awaitable[None]: ...


class IseServers:
    """The primary's list, and the poll that gives each entry its status."""

    def __init__(self, node: IseClient, lab: Twin) -> None:
        self._node, self._lab = node, lab
        self.entries: list[IseEntry] = []
        self._polling: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._polling = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling
            self._polling = None

    async def _run(self) -> None:
        while True:
            await self.poll()
            await asyncio.sleep(self._lab.settings.ise_servers.interval)

    async def poll(self) -> None:
        for entry in list(self.entries):
            healthy, version = await self._login(entry)
            heals = not entry.broken or self._lab.settings.ise_servers.recovers
            entry.status = REACHABLE if healthy and heals else UNREACHABLE
            entry.version = version or entry.version
        for center in self._lab.dna_center:
            await self._login(IseEntry(center.host, center.port, center.username, center.password))

    async def add(self, entry: IseEntry) -> None:
        """Raises ``IseRefused``; the status shows at the next poll."""
        existing = [e for e in self.entries if (e.address, e.port) == (entry.address, entry.port)]
        if existing and self._lab.settings.ise_servers.existing == "error":
            raise IseRefused(f"ISE server {entry.address} already exists.")
        if self._lab.settings.ise_servers.checked_on_add:
            await self._check(entry)
        if existing and self._lab.settings.ise_servers.existing == "replace":
            self.entries = [e for e in self.entries if e not in existing]
        self.entries.append(entry)
        await self._node.tell("add-ise", entry.address)

    def remove(self, address: str) -> None:
        self.entries = [e for e in self.entries if e.address != address]

    async def _check(self, entry: IseEntry) -> None:
        healthy, _ = await self._login(entry)
        if healthy is None:
            raise IseRefused("Unable to connect to the ISE server. TOFU failed. Check local trust")
        if not healthy:
            raise IseRefused("Unable to connect to the ISE server with these credentials.")

    async def _login(self, entry: IseEntry) -> tuple[bool | None, str]:
        """True, False, or None for a certificate that the store rejects; and ISE's version."""
        try:
            async with self._node.tofu.connect(entry.address, entry.port) as conversation:
                status, answer = await conversation.ask(
                    "GET", LOGIN_PATH, authorization=basic(entry.username, entry.password)
                )
                return status == 200, str(answer.get("version", ""))
        except TofuMismatch as mismatch:
            for known in self.entries:
                known.broken |= (known.address, known.port) == (entry.address, entry.port)
            self._node.log.ise_mismatch(mismatch.current.subject)
            await self._node.tell("mismatch", mismatch.key)
            return None, ""
        except Unreachable:
            return False, ""
