"""Looking at SSH servers: which host key does an endpoint show to one who asks for these, trusting none?

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
from retrust_plugins.openssh.client import NO_KEY, PLAIN
from retrust_plugins.openssh.known_hosts import fingerprint, key_type_of, subject, type_of

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_CHUNK = 65536


@dataclass(frozen=True)
class HostKeys:
    """A ``retrust.target.Prober`` that asks for these algorithms, the most liked first."""

    algorithms: tuple[str, ...]

    @classmethod
    def liking(cls, key_type: str) -> HostKeys:
        """Asks for a key of this type; a server that has none shows another, which is then a changed key."""
        every = (*PLAIN, "ssh-rsa")
        return cls(tuple(sorted(every, key=lambda name: type_of(name) != type_of(key_type))))

    async def probe(self, endpoint: Endpoint, *, timeout: float) -> Presented:
        return await self._look(endpoint, timeout)

    async def probe_many(
        self, endpoints: Sequence[Endpoint], *, limit: int, timeout: float
    ) -> Mapping[Endpoint, Presented | RetrustError]:
        slots = asyncio.Semaphore(limit)

        async def one(endpoint: Endpoint) -> Presented | RetrustError:
            async with slots:
                try:
                    return await self.probe(endpoint, timeout=timeout)
                except RetrustError as exc:
                    return exc

        return dict(zip(endpoints, await asyncio.gather(*map(one, endpoints)), strict=True))

    async def probe_over(self, reader: Any, writer: Any, *, endpoint: Endpoint, timeout: float) -> Presented:
        where = str(endpoint)
        try:
            async with asyncio.timeout(timeout), _as_socket(reader, writer) as (sock, heard):
                key = await asyncssh.get_server_host_key(
                    endpoint.host, endpoint.port, sock=sock, config=None, server_host_key_algs=list(self.algorithms)
                )
        except TimeoutError as exc:
            raise TemporaryError(f"showed no host key within {timeout:g} s", where=where) from exc
        except asyncssh.KeyExchangeFailed as exc:
            raise PermanentError(f"shows no host key of a known type: {exc.reason}", where=where) from exc
        except NO_KEY as exc:
            raise PermanentError(f"shows a host key that is none: {exc}", where=where) from exc
        except (asyncssh.Error, OSError) as exc:
            raise TemporaryError(
                f"showed no host key: {exc}", where=where, hint="it is down, or turns away many connections at once"
            ) from exc
        if key is None:
            raise PermanentError("shows no host key", where=where)
        return presented(_sent(bytes(heard)) or key.public_data)

    async def _look(self, endpoint: Endpoint, timeout: float) -> Presented:
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        except (OSError, TimeoutError) as exc:
            raise TemporaryError(f"no connection: {exc or type(exc).__name__}", where=str(endpoint)) from exc
        try:
            return await self.probe_over(reader, writer, endpoint=endpoint, timeout=timeout)
        finally:
            writer.transport.abort()


def _sent(heard: bytes) -> bytes:
    """The host key or certificate in a key exchange, of which all is in the clear up to the answer that holds it.

    asyncssh gives the key of a certificate, and not the certificate itself.
    """
    start = heard.find(b"SSH-")
    at = heard.find(b"\n", start) + 1
    while start >= 0 and at + 6 < len(heard):
        length = int.from_bytes(heard[at : at + 4], "big")
        kind, size = heard[at + 5], int.from_bytes(heard[at + 6 : at + 10], "big")
        blob = heard[at + 10 : at + 10 + size]
        if kind in _ANSWERS and key_type_of(blob).startswith(("ssh-", "ecdsa-", "sk-", "rsa-")):
            return blob
        at += 4 + length
    return b""


_ANSWERS = (31, 33)
"""The messages of RFC 4253, 4419 and 5656 that begin with the host key."""


def presented(blob: bytes) -> Presented:
    """A public key, or a host certificate, in the words for X.509; ``chain`` holds it as it was sent."""
    seen = fingerprint(blob)
    named = subject(key_type_of(blob), seen)
    return Presented(
        fingerprint=seen,
        key_fingerprint=seen,
        subject=named,
        issuer=named,
        not_before=_ALWAYS[0],
        not_after=_ALWAYS[1],
        chain=(blob,),
    )


@asynccontextmanager
async def _as_socket(reader: Any, writer: Any) -> AsyncIterator[tuple[socket.socket, bytearray]]:
    """An open channel as a socket, which is what asyncssh can start on, and what came from the far end."""
    heard = bytearray()
    ours, theirs = socket.socketpair()
    our_reader, our_writer = await asyncio.open_connection(sock=ours)
    ways = [asyncio.create_task(_pump(our_reader, writer)), asyncio.create_task(_pump(reader, our_writer, heard))]
    try:
        yield theirs, heard
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        our_writer.transport.abort()
        theirs.close()


async def _pump(reader: Any, writer: Any, heard: bytearray | None = None) -> None:
    while data := await reader.read(_CHUNK):
        if heard is not None and len(heard) < _CHUNK:
            heard += data
        writer.write(data)
        await writer.drain()
    writer.close()
