"""The TLS probe: which certificate does an endpoint present, without trusting it.

A probe finishes the handshake, so that the far side has shown that it holds the key, sends no data and
closes. Whether what it saw may be trusted is decided from evidence, never here. The handshake is one class
without I/O, driven over a TCP connection (``probe``) or over a channel that is already open
(``probe_over``); certificates are read in ``retrust.x509.certificates``.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import secrets
import socket
import ssl
import warnings
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from retrust.errors import PermanentError, RetrustError, TemporaryError
from retrust.models import Endpoint, Presented
from retrust.x509.certificates import read_presented
from retrust.x509.hello import Hello, Replay

TIMEOUT = 10.0
_READ = 65536
_NOT_TLS = {
    "WRONG_VERSION_NUMBER",
    "RECORD_LAYER_FAILURE",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "UNEXPECTED_MESSAGE",
}


class Reader(Protocol):
    """The reading end of an open channel of bytes, as of asyncio and asyncssh."""

    async def read(self, n: int = -1, /) -> bytes: ...


class Writer(Protocol):
    """The writing end of an open channel of bytes, as of asyncio and asyncssh."""

    def write(self, data: bytes, /) -> None: ...

    async def drain(self) -> None: ...


Connect = Callable[[Endpoint], Awaitable[tuple[Reader, Writer]]]
"""Opens a channel of bytes to an endpoint; whoever gives it closes it."""


async def probe(
    endpoint: Endpoint,
    *,
    server_name: str | None = None,
    timeout: float = TIMEOUT,
    connect: Connect | None = None,
    old: bool = False,
) -> Presented:
    """The certificate at ``endpoint``. ``timeout`` covers name, connection and handshake together.

    ``server_name`` is sent in place of the endpoint's name; an address sends none. ``connect`` reaches
    the endpoint by another way than a connection from here. ``old`` offers TLS 1.0 and 1.1, too.
    """

    async def look(handshake: _Handshake) -> None:
        if connect is None:
            await _dial(endpoint, handshake)
        else:
            await _drive(handshake, *await connect(endpoint))

    return await _look(endpoint, lambda: _handshake(endpoint, server_name, old), timeout, look)


async def probe_over(
    reader: Reader,
    writer: Writer,
    *,
    endpoint: Endpoint,
    server_name: str | None = None,
    timeout: float = TIMEOUT,
    old: bool = False,
) -> Presented:
    """The certificate at the far end of an open channel to ``endpoint``; the caller closes the channel."""
    return await _look(
        endpoint,
        lambda: _handshake(endpoint, server_name, old),
        timeout,
        lambda handshake: _drive(handshake, reader, writer),
    )


async def replay_over(
    hello: Hello, reader: Reader, writer: Writer, *, endpoint: Endpoint, timeout: float = TIMEOUT
) -> Presented:
    """As ``probe_over``, and asked with a captured hello: nothing shows there that the far side holds the key."""
    return await _look(
        endpoint, lambda: Replay(hello, str(endpoint)), timeout, lambda handshake: _drive(handshake, reader, writer)
    )


async def probe_many(
    endpoints: Iterable[Endpoint], *, limit: int = 50, timeout: float = TIMEOUT
) -> dict[Endpoint, Presented | RetrustError]:
    """What each endpoint presents, or why it did not; ``limit`` at once, in the order given."""
    seen: dict[Endpoint, Presented | RetrustError | None] = dict.fromkeys(endpoints)
    waiting = iter(tuple(seen))

    async def work() -> None:
        for endpoint in waiting:
            try:
                seen[endpoint] = await probe(endpoint, timeout=timeout)
            except RetrustError as error:
                seen[endpoint] = error
            except Exception as error:  # whatever one server does, the others are looked at
                seen[endpoint] = PermanentError(f"cannot be looked at: {type(error).__name__}", where=str(endpoint))

    async with asyncio.TaskGroup() as workers:
        for _ in range(max(1, min(limit, len(seen)))):
            workers.create_task(work())
    return {endpoint: found for endpoint, found in seen.items() if found is not None}


NEWEST = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
"""The newest version of a look, by chance: who tells looks from a holder's own connection gets no easy mark."""


@functools.cache
def _context(newest: ssl.TLSVersion, old: bool) -> ssl.SSLContext:
    """The contexts of all probes are made once: making one for each costs 25 times the handshake.

    They verify nothing, deliberately and only here: a certificate must be seen before it can be judged.
    They also speak what appliances speak (small keys, renegotiation as it once was), because nothing is ever
    sent over these connections; versions that no holder offers only where the site says so (``old``).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options |= 0x4  # OP_LEGACY_SERVER_CONNECT, which Python names since 3.12
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1 if old else ssl.TLSVersion.TLSv1_2
        context.maximum_version = newest
    return context


class _Handshake:
    """One client handshake without I/O: bytes of the far side in, bytes for it out."""

    def __init__(self, server_name: str | None, old: bool) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context(secrets.choice(NEWEST), old).wrap_bio(self._in, self._out, server_hostname=server_name)
        self.begun = self.done = False

    def step(self, received: bytes = b"") -> bytes:
        """Take what came, give what is to be sent; ``ssl.SSLError`` when it cannot go on."""
        self.begun = True
        self._in.write(received)
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
            self.done = True
        return self._out.read()

    def close(self) -> bytes:
        """The notice that ends the session, as a polite peer sends it."""
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        return self._out.read()

    def chain(self) -> tuple[bytes, ...]:
        """What was sent, leaf first; the leaf alone where Python cannot tell more."""
        whole = getattr(self._tls, "get_unverified_chain", None)
        if whole is not None:
            return tuple(whole())
        # Before 3.13 the public object lacks what its inner one has; without it intermediates are not seen.
        inner = getattr(getattr(self._tls, "_sslobj", None), "get_unverified_chain", None)
        if inner is not None and (sent := inner()):
            return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in sent)
        leaf = self._tls.getpeercert(binary_form=True)
        return (leaf,) if leaf else ()


def _handshake(endpoint: Endpoint, server_name: str | None, old: bool) -> _Handshake:
    return _Handshake(server_name or _name_to_send(endpoint.host), old)


H = TypeVar("H", _Handshake, Replay)


class _Dialled(asyncio.Protocol):
    """Drives a handshake over one TCP connection; lighter than asyncio's streams over its TLS.

    ``ended`` holds the error that ended the handshake, or None where it is done.
    """

    def __init__(self, handshake: _Handshake) -> None:
        self._handshake = handshake
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Exception | None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        if self.ended.done():
            return
        try:
            self._transport.write(self._handshake.step(data))
        except ssl.SSLError as error:
            self._end(error)
        if self._handshake.done:
            self._transport.write(self._handshake.close())
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or EOFError())
        self.closed.set_result(None)

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(error)


async def _dial(endpoint: Endpoint, handshake: _Handshake) -> None:
    stagger = 0.25 if _name_to_send(endpoint.host) else None  # racing one address with itself only costs
    transport, dialled = await asyncio.get_running_loop().create_connection(
        lambda: _Dialled(handshake), endpoint.host, endpoint.port, happy_eyeballs_delay=stagger
    )
    try:
        error = await dialled.ended
    finally:
        transport.abort()
        await asyncio.shield(dialled.closed)
    if error is not None:
        raise error


async def _drive(handshake: _Handshake | Replay, reader: Reader, writer: Writer) -> None:
    writer.write(handshake.step())
    while not handshake.done:
        await writer.drain()
        received = await reader.read(_READ)
        if not received:
            raise EOFError
        writer.write(handshake.step(received))
    writer.write(handshake.close())


async def _look(
    endpoint: Endpoint, begin: Callable[[], H], timeout: float, drive: Callable[[H], Awaitable[None]]
) -> Presented:
    """Drive one handshake to its end; the one place where foreign errors become ours."""
    where, handshake = str(endpoint), None
    try:
        handshake = begin()
        async with asyncio.timeout(timeout):
            await drive(handshake)
    except TimeoutError as error:
        raise _too_slow(where, handshake is not None and handshake.begun, timeout) from error
    except (socket.gaierror, ValueError) as error:
        raise TemporaryError(
            "its name is not resolved", where=where, hint="check the name, or use the address"
        ) from error
    except ssl.SSLError as error:
        raise _no_handshake(where, error) from error
    except (EOFError, ConnectionResetError, BrokenPipeError) as error:
        raise TemporaryError(
            "closed the connection during the TLS handshake",
            where=where,
            hint="is this a TLS port, and is the service up?",
        ) from error
    except ConnectionRefusedError as error:
        raise TemporaryError(
            "refused the connection", where=where, hint="is the service up, and is the port right?"
        ) from error
    except OSError as error:
        raise TemporaryError(
            f"cannot be reached: {error.strerror or error}", where=where, hint="check address, routing and firewall"
        ) from error
    return _presented(where, handshake)


def _too_slow(where: str, begun: bool, timeout: float) -> TemporaryError:
    if begun:
        return TemporaryError(
            f"connected, and did not finish the TLS handshake within {timeout:g} s",
            where=where,
            hint="is this a TLS port, and is the service running?",
        )
    return TemporaryError(
        f"did not answer within {timeout:g} s", where=where, hint="check address, routing and firewall"
    )


def _no_handshake(where: str, error: ssl.SSLError) -> TemporaryError:
    if error.reason in _NOT_TLS:
        return TemporaryError("does not speak TLS", where=where, hint="is the port right?")
    reason = (error.reason or str(error)).lower().replace("_", " ")
    return TemporaryError(
        f"refused the TLS handshake: {reason}",
        where=where,
        hint="it may want a client certificate, or another version of TLS",
    )


def _name_to_send(host: str) -> str | None:
    """SNI carries names only, and without the root's dot."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".") or None
    return None


def _presented(where: str, handshake: _Handshake | Replay) -> Presented:
    chain = handshake.chain()
    if not chain:
        raise TemporaryError("ended the TLS handshake without a certificate", where=where)
    return read_presented(chain)
