"""Where evidence may look from: this machine, and the verified sessions of a connection.

What a look means is judged by the collectors (``retrust.evidence``), and before and after a write by ``first_use``.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

from retrust.errors import PermanentError
from retrust.inventory.fields import is_address
from retrust.models import Endpoint, Presented
from retrust.target import Connection, Place, Prober
from retrust.x509 import tls
from retrust.x509.hello import Hello

PROBE_TIMEOUT = 10.0
ADDRESSES = 8
"""How many addresses of one name are asked for."""

Look = tuple[str, Presented | Exception]
"""Where from and how, in words; and what was seen, or why nothing was."""


@dataclass(frozen=True)
class Looks:
    """``prober`` is how the place is looked at that they are asked about, ``hello`` how its holder's client asks."""

    connection: Connection
    prober: Prober | None = None
    hello: Hello | None = None

    @classmethod
    def at(cls, place: Place, connection: Connection) -> Looks:
        return cls(connection, place.prober, place.hello)

    async def from_here(self, endpoint: Endpoint) -> Presented:
        return await (self.prober or tls).probe(endpoint, timeout=PROBE_TIMEOUT)

    async def through(self, node: str, endpoint: Endpoint) -> Presented:
        return await self._asked_at(endpoint, node, endpoint)

    async def otherwise_through(self, node: str, endpoint: Endpoint) -> list[Look]:
        numbers = await _addresses(endpoint)
        asked = [
            (f"{node}, which asks for {number} by number,", self._asked_at(number, node, endpoint))
            for number in numbers[:ADDRESSES]
        ]
        if self.hello is not None:
            asked.append((f"{node}, with its own client's hello,", self._as_its_client(self.hello, node, endpoint)))
        seen: list[Presented | BaseException] = await asyncio.gather(
            *(look for _, look in asked), return_exceptions=True
        )
        looks = [
            (said, found)
            for (said, _), found in zip(asked, seen, strict=True)
            if isinstance(found, Presented | Exception)
        ]
        if left := len(numbers[ADDRESSES:]):
            looks.append(
                (
                    node,
                    PermanentError(
                        f"{endpoint.host} has {len(numbers)} addresses here; {left} of them were not asked for"
                    ),
                )
            )
        return looks

    async def _asked_at(self, number: Endpoint, node: str, endpoint: Endpoint) -> Presented:
        """Reached at ``number``, and asked for by the endpoint's own name."""
        reader, writer = await self.connection.tunnel(node, number)
        try:
            prober = self.prober or tls
            return await prober.probe_over(reader, writer, endpoint=endpoint, timeout=PROBE_TIMEOUT)
        finally:
            writer.close()

    async def _as_its_client(self, hello: Hello, node: str, endpoint: Endpoint) -> Presented:
        reader, writer = await self.connection.tunnel(node, endpoint)
        try:
            return await tls.replay_over(hello, reader, writer, endpoint=endpoint, timeout=PROBE_TIMEOUT)
        finally:
            writer.close()


async def _addresses(endpoint: Endpoint) -> list[Endpoint]:
    """The addresses of a name as this machine resolves it, IPv4 and IPv6; none of an address, or an unknown name."""
    if is_address(endpoint.host):
        return []
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            found = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, ValueError, TimeoutError):
        return []
    numbers = dict.fromkeys(str(address[0]) for *_, address in found)
    return [Endpoint(host=number, port=endpoint.port) for number in numbers if is_address(number)]
