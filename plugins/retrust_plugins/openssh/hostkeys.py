"""Looking at SSH servers: which host key of one type does an endpoint show, trusting none?

The key exchange is finished, so the server has shown that it holds the key; nothing is sent after it, no
user is named. What is seen is told in the words for certificates, as the engine knows no other: the
fingerprint is that of the public key, the subject is made of it, and there are no dates.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncssh

from retrust.errors import PermanentError, RetrustError, TemporaryError
from retrust.models import Endpoint, Presented
from retrust.ssh.hostkeys import KEY_TYPES
from retrust_plugins.openssh.known_hosts import fingerprint, subject

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_CHUNK = 65536


@dataclass(frozen=True)
class HostKeys:
    """A ``retrust.target.Prober`` for the host keys of one type."""

    key_type: str

    async def probe(self, endpoint: Endpoint, *, timeout: float) -> Presented:
        return await self._look(endpoint, timeout)

    async def probe_many(self, endpoints: Sequence[Endpoint], *, limit: int,
                         timeout: float) -> Mapping[Endpoint, Presented | RetrustError]:
        slots = asyncio.Semaphore(limit)

        async def one(endpoint: Endpoint) -> Presented | RetrustError:
            async with slots:
                try:
                    return await self.probe(endpoint, timeout=timeout)
                except RetrustError as exc:
                    return exc

        return dict(zip(endpoints, await asyncio.gather(*map(one, endpoints)), strict=True))

    async def probe_over(self, reader: Any, writer: Any, *, endpoint: Endpoint, timeout: float) -> Presented:
        async with _as_socket(reader, writer) as sock:
            return await self._look(endpoint, timeout, sock)

    async def _look(self, endpoint: Endpoint, timeout: float, sock: socket.socket | None = None) -> Presented:
        """``sock`` leads there already; without it a connection is made."""
        where = str(endpoint)
        try:
            async with asyncio.timeout(timeout):
                key = await asyncssh.get_server_host_key(
                    endpoint.host, endpoint.port, sock=sock, config=None,
                    server_host_key_algs=list(KEY_TYPES.get(self.key_type, (self.key_type,))))
        except TimeoutError as exc:
            raise TemporaryError(f"showed no host key within {timeout:g} s", where=where) from exc
        except ValueError as exc:
            raise PermanentError(f"keys of the type {self.key_type} are not known here", where=where) from exc
        except asyncssh.KeyExchangeFailed as exc:
            raise PermanentError(f"shows no {self.key_type} key: {exc.reason}", where=where) from exc
        except (asyncssh.Error, OSError) as exc:
            raise TemporaryError(
                f"showed no {self.key_type} key: {exc}", where=where,
                hint="it has none of that type, is down, or turns away many connections at once") from exc
        if key is None:
            raise PermanentError(f"shows no {self.key_type} key", where=where)
        return presented(key.public_data)


def presented(blob: bytes) -> Presented:
    """A public key in the words for certificates; ``chain`` holds the key as it was sent."""
    seen = fingerprint(blob)
    named = subject(key_type_of(blob), seen)
    return Presented(fingerprint=seen, key_fingerprint=seen, subject=named, issuer=named,
                     not_before=_ALWAYS[0], not_after=_ALWAYS[1], chain=(blob,))


def key_type_of(blob: bytes) -> str:
    return blob[4:4 + int.from_bytes(blob[:4], "big")].decode("ascii", errors="replace")


@asynccontextmanager
async def _as_socket(reader: Any, writer: Any) -> AsyncIterator[socket.socket]:
    """An open channel as a socket, which is what asyncssh can start on."""
    ours, theirs = socket.socketpair()
    our_reader, our_writer = await asyncio.open_connection(sock=ours)
    ways = [asyncio.create_task(_pump(our_reader, writer)), asyncio.create_task(_pump(reader, our_writer))]
    try:
        yield theirs
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        our_writer.transport.abort()
        theirs.close()


async def _pump(reader: Any, writer: Any) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    writer.close()
