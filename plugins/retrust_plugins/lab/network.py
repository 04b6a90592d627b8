"""The lab's network: who connects from where, and which certificate answers on that path.

Every TLS endpoint has one real listener. A node that opens a connection binds its local end first and has
it noted here, so that the listener knows the *origin* of each connection: a node's name, or None for
everyone outside, this machine's vantage. Only then is the certificate chosen, and TLS begins. So an
interceptor sits on one path and on no other, and what a client sees through a node's SSH channel is what
that node sees. Whether a certificate is trusted is decided by the one who connects (``tofu``).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from retrust_plugins.lab.addresses import new_socket
from retrust_plugins.lab.certificates import Identity

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_HANDSHAKE_LIMIT = 10.0
_BREATH = 0.1


class Unreachable(Exception):
    """Nothing answers there."""


@dataclass(frozen=True)
class Interceptor:
    """A stranger on the path from ``holder`` to ``endpoint``, with a certificate of the same subject.

    It relays: behind its certificate the endpoint's own pages answer.
    """

    holder: str
    endpoint: Endpoint
    identity: Identity
    vantage: bool

    @property
    def fingerprint(self) -> str:
        return self.identity.fingerprint

    def sits_between(self, origin: str | None, endpoint: Endpoint) -> bool:
        if endpoint is not self.endpoint or origin == endpoint.owner:
            return False
        return origin == self.holder or (origin is None and self.vantage)


class Network:
    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []
        self.interceptors: list[Interceptor] = []
        self._callers: dict[tuple[str, int], str] = {}
        self._homes: dict[str, str] = {}

    def settle(self, node: str, host: str) -> None:
        """Note that ``node`` lives at ``host``: its connections leave from there."""
        self._homes[node] = host

    def origin_of(self, peer: tuple[str, int]) -> str | None:
        """Asked once, by the listener that accepted ``peer``; ports are used again by others."""
        return self._callers.pop(peer, None)

    def identity_for(self, origin: str | None, endpoint: Endpoint) -> Identity:
        for interceptor in self.interceptors:
            if interceptor.sits_between(origin, endpoint):
                return interceptor.identity
        return endpoint.present()

    def find(self, origin: str, host: str, port: int) -> Endpoint | None:
        """The endpoint that ``origin`` means by this address; loopback names mean its own."""
        for endpoint in self.endpoints:
            here = endpoint.host == host or (host in LOOPBACK and endpoint.owner == origin)
            if here and endpoint.port == port:
                return endpoint
        return None

    async def connect(self, origin: str, host: str, port: int, limit: float) -> socket.socket:
        """A connected socket whose other end knows that ``origin`` opened it."""
        endpoint = self.find(origin, host, port)
        if endpoint is None:
            raise Unreachable(f"{host} port {port}: no route to host")
        connection = new_socket(endpoint.host)
        connection.setblocking(False)
        connection.bind((self._homes[origin], 0))
        name, target = connection.getsockname()[:2], (endpoint.host, endpoint.port)
        self._callers[name] = origin
        try:
            async with asyncio.timeout(limit):
                await asyncio.get_running_loop().sock_connect(connection, target)
        except BaseException as error:
            connection.close()
            self._callers.pop(name, None)
            if isinstance(error, OSError | TimeoutError):
                raise Unreachable(f"{host} port {port}: {error or 'timed out'}") from error
            raise
        return connection


class Endpoint:
    """One TLS listener of one node, with the pages behind it.

    ``failure`` makes it misbehave: ``refuse`` closes each connection, ``silent`` never answers one.
    """

    def __init__(
        self,
        network: Network,
        owner: str,
        host: str,
        port: int,
        present: Callable[[], Identity],
        app: Callable[[], ASGIApp],
    ) -> None:
        self.network, self.owner, self.host, self.port = network, owner, host, port
        self.present = present
        self.failure: Literal["refuse", "silent"] | None = None
        self.connections = 0
        self._app = app
        self._listener: socket.socket | None = None
        self._closing = False
        self._accepting: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._raw: set[socket.socket] = set()  # accepted, and not yet a transport's
        self._http: tuple[Config, ServerState] | None = None
        network.endpoints.append(self)

    @property
    def is_open(self) -> bool:
        return self._listener is not None

    async def open(self) -> None:
        if self._listener is not None:
            return
        self._closing = False
        self._listener = _listen(self.host, self.port)
        self.port = self._listener.getsockname()[1]
        self._accepting = asyncio.create_task(self._accept(self._listener))

    async def close(self) -> None:
        """Stop listening and end every connection, as a stopped service does."""
        if self._listener is None:
            return
        await self._stop_accepting(self._listener)
        tasks = list(self._serving)
        if self._http is not None:
            for protocol in list(self._http[1].connections):
                protocol.transport.abort()
            tasks += self._http[1].tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self._raw:
            connection.close()
        self._raw.clear()
        self._listener.close()
        self._listener = None

    async def _stop_accepting(self, listener: socket.socket) -> None:
        assert self._accepting is not None
        self._closing = True
        try:
            # Wakes the accept with an error; cancelling it could lose a connection just accepted.
            listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(listener)
            except OSError:
                if self._closing:
                    return
                await asyncio.sleep(_BREATH)  # out of file descriptors, most likely
                continue
            self.connections += 1
            self._raw.add(connection)
            task = asyncio.create_task(self._serve(connection, self.network.origin_of(peer[:2])))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, connection: socket.socket, origin: str | None) -> None:
        if self.failure == "silent":
            return  # and is closed when the endpoint is
        if self.failure is None:
            await self._begin_tls(connection, self.network.identity_for(origin, self).context)
        else:
            connection.close()
        self._raw.discard(connection)

    async def _begin_tls(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._protocol, connection, ssl=context, ssl_handshake_timeout=_HANDSHAKE_LIMIT
            )
        except OSError:  # a caller that hung up in the handshake, and ssl.SSLError
            connection.close()

    def _protocol(self) -> asyncio.BaseProtocol:
        if self._http is None:
            config = Config(
                self._app(),
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
            )
            config.load()
            self._http = (config, ServerState())
        config, state = self._http
        return H11Protocol(config=config, server_state=state, app_state={})


def _listen(host: str, port: int) -> socket.socket:
    listener = new_socket(host)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """End a connection without waiting for the other side's farewell."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
