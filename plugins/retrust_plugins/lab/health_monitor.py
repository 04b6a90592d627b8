"""The health monitor: each Prime node's service on port 8082, and the rounds in which it meets its peer.

Every meeting is a TLS connection through the node's TOFU store. What a meeting means for high availability
is decided in ``ha``; this module only says how it went.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from retrust_plugins.lab.network import Unreachable
from retrust_plugins.lab.settings import NodeSettings
from retrust_plugins.lab.tofu import TofuMismatch, TofuStore


class Meeting(StrEnum):
    """How the last attempt to reach the peer went."""

    NOT_YET = "not yet"
    MET = "met"
    MISTRUSTED = "mistrusted"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}_{self.port}"


class HeardOfPeer(Protocol):
    def peer_was(self, meeting: Meeting, answer: dict[str, Any]) -> None: ...


class MonitoredNode(Protocol):
    """A node, as its health monitor sees it."""

    @property
    def settings(self) -> NodeSettings: ...

    @property
    def health_port(self) -> int: ...

    @property
    def tofu(self) -> TofuStore: ...

    @property
    def ha(self) -> HeardOfPeer: ...

    def own_names(self) -> list[str]: ...

    def log_peer_mismatch(self, mismatch: TofuMismatch) -> None: ...

    def tell(self, event: str, *details: object) -> Awaitable[None]: ...


class HealthMonitor:
    def __init__(self, node: MonitoredNode, interval: float) -> None:
        self._node = node
        self._interval = interval
        self._rounds: asyncio.Task[None] | None = None
        self._known_self: set[str] = set()
        self.peer: Address | None = None
        self.last = Meeting.NOT_YET

    def start(self) -> None:
        self._rounds = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._rounds is not None:
            self._rounds.cancel()
            with suppress(asyncio.CancelledError):
                await self._rounds
            self._rounds = None

    def forget(self) -> None:
        """Begin as a new installation does; the peer's address stays, as it is entered again by hand."""
        self._known_self.clear()
        self.last = Meeting.NOT_YET

    async def _run(self) -> None:
        while True:
            await self.round()
            await asyncio.sleep(self._interval)

    async def round(self) -> None:
        await self.meet_self()
        if self.peer is not None:
            await self.meet(self.peer)

    async def meet_self(self) -> None:
        """Self entries come from connections to itself: at the first start, or in every round."""
        wanted = self._node.settings.store.self_entries
        if wanted == "off":
            return
        for host in self._node.own_names():
            if wanted == "listed" and host in self._known_self:
                continue
            self._known_self.add(host)
            with suppress(Unreachable):
                await self._try(Address(host, self._node.health_port), "/hm/peer")

    async def meet(
        self, peer: Address, path: str = "/hm/peer", body: dict[str, Any] | None = None
    ) -> tuple[Meeting, dict[str, Any]]:
        """Ask the peer something; the answer, if any, and how it went, are told to high availability."""
        try:
            status, answer = await self._try(peer, path, body)
            self.last = Meeting.MET if status else Meeting.MISTRUSTED
        except Unreachable as error:
            status, answer = 0, {"error": str(error)}
            self.last = Meeting.UNREACHABLE
        self._node.ha.peer_was(self.last, answer)
        return self.last, {**answer, "status": status}

    async def _try(self, peer: Address, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        try:
            async with self._node.tofu.connect(peer.host, peer.port) as conversation:
                return await conversation.ask("POST" if body else "GET", path, body)
        except TofuMismatch as mismatch:
            self._node.log_peer_mismatch(mismatch)
            await self._node.tell("mismatch", mismatch.key)
            return 0, {"error": "TOFU failed. Check local trust"}
