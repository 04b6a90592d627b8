"""Trust on first use, as the nodes practise it on each connection they make.

The first certificate from a host is pinned blindly; any other one later is rejected. The comparison is of
whole certificates. How pins are printed is the command line's business (``ncs``), what a rejection looks
like in a log is ``logs``'.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509

from retrust_plugins.lab.certificates import Identity, fingerprint
from retrust_plugins.lab.network import Network, Unreachable, hang_up

Told = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Pinned:
    key: str
    fingerprint: str
    subject: x509.Name


def strangers(count: int, identity: Identity) -> list[Pinned]:
    """Pins of hosts that nobody knows, as a store of many years holds them."""
    keys = (f"198.18.{n // 250}.{n % 250 + 1}_443" for n in range(count))
    return [Pinned(key, identity.fingerprint, identity.subject) for key in keys]


class TofuMismatch(Exception):
    """The certificate is not the pinned one; ``current`` is what was presented."""

    def __init__(self, key: str, current: x509.Certificate) -> None:
        super().__init__(f"{key}: current certificate is different from what was used earlier")
        self.key = key
        self.current = current


@cache
def _first_use_context() -> ssl.SSLContext:
    # Trust on first use decides after the handshake; OpenSSL has nothing to check against.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class TofuStore:
    """The pins of one node, and the only way in which it connects to others."""

    def __init__(self, owner: str, network: Network, tell: Told, limit: float) -> None:
        self.pins: dict[str, Pinned] = {}
        self._owner, self._network, self._tell, self._limit = owner, network, tell, limit
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def connect(self, host: str, port: int) -> AsyncIterator[Conversation]:
        """A checked connection. Raises ``TofuMismatch`` or ``Unreachable``."""
        key = f"{host}_{port}"
        async with self._locks[key]:  # a delete takes effect between two connections, not inside one
            reader, writer = await self._handshake(host, port)
            try:
                await self._check(key, writer)
            except BaseException:
                await hang_up(writer)
                raise
        try:
            yield Conversation(reader, writer, self._limit)
        finally:
            await hang_up(writer)

    async def delete(self, key: str) -> bool:
        """Whether there was such a pin. Whoever waits for the delete is told before the next first use."""
        async with self._locks[key]:
            if self.pins.pop(key, None) is None:
                return False
            await self._tell("delete", key)
            return True

    async def _handshake(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection = await self._network.connect(self._owner, host, port, self._limit)
        try:
            async with asyncio.timeout(self._limit):
                return await asyncio.open_connection(sock=connection, ssl=_first_use_context(), server_hostname="")
        except (OSError, TimeoutError) as error:
            connection.close()
            raise Unreachable(f"{host} port {port}: {error or 'timed out'}") from error

    async def _check(self, key: str, writer: asyncio.StreamWriter) -> None:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        pinned = self.pins.get(key)
        if pinned is None:
            self.pins[key] = Pinned(key, fingerprint(der), x509.load_der_x509_certificate(der).subject)
            await self._tell("pin", key)
        elif pinned.fingerprint != fingerprint(der):
            raise TofuMismatch(key, x509.load_der_x509_certificate(der))


class Conversation:
    """HTTP over a checked connection: one question, one answer in JSON."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: float) -> None:
        self._reader, self._writer, self._limit = reader, writer, limit

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, authorization: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Raises ``Unreachable`` when the other side hangs up or is too slow."""
        payload = json.dumps(body or {}).encode()
        head = [
            f"{method} {path} HTTP/1.1",
            "Host: lab",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(payload)}",
        ]
        if authorization:
            head.append(f"Authorization: {authorization}")
        try:
            self._writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + payload)
            async with asyncio.timeout(self._limit):
                answer = await self._reader.read(-1)
            top, _, text = answer.partition(b"\r\n\r\n")
            return int(top.split(b" ", 2)[1]), json.loads(text)
        except (OSError, TimeoutError, ValueError, IndexError) as error:
            raise Unreachable(f"no answer to {method} {path}: {error or 'timed out'}") from error
