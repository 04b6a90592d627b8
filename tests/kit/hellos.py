"""ClientHellos: of a real Java client and of the lab's nodes, and an interceptor that chooses by them."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
from collections.abc import Callable

import pytest

from retrust_plugins.lab.network import Endpoint
from retrust_plugins.lab.tofu import _first_use_context


async def hello_of_java(protocols: str = "TLSv1.2") -> bytes:
    """The record that a Java client sends first; ``protocols`` are those it offers. Skips where there is no Java."""
    keytool = shutil.which("keytool")
    if keytool is None:
        pytest.skip("there is no Java here: install default-jre-headless")
    caught: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def catch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(5)
        record = head + await reader.readexactly(int.from_bytes(head[3:5]))
        if not caught.done():
            caught.set_result(record)
        writer.close()

    async with await asyncio.start_server(catch, "127.0.0.1", 0, family=socket.AF_INET) as server:
        port = server.sockets[0].getsockname()[1]
        client = await asyncio.create_subprocess_exec(
            keytool,
            f"-J-Djdk.tls.client.protocols={protocols}",
            "-printcert",
            "-sslserver",
            f"127.0.0.1:{port}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await client.wait()
        return await asyncio.wait_for(caught, 10)


def suites(hello: bytes) -> bytes:
    """The cipher suites that a ClientHello offers, by which clients are told from one another."""
    at = 44 + hello[43]
    return hello[at : at + 2 + int.from_bytes(hello[at : at + 2])]


def hello_of_the_lab() -> bytes:
    """What the lab's nodes send when they connect by themselves."""
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        _first_use_context().wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    return sent.read()


async def peeked(connection: socket.socket) -> bytes:
    """The first bytes that came in, left where they are."""
    async with asyncio.timeout(10):
        while True:
            try:
                if len(seen := connection.recv(4096, socket.MSG_PEEK)) > 100:
                    return seen
            except BlockingIOError:
                pass
            await asyncio.sleep(0.01)


def select_by_hello(monkeypatch: pytest.MonkeyPatch, is_a_look: Callable[[bytes], bool]) -> None:
    """Interceptors pass whoever looks, as they tell it by the ClientHello, on to the genuine peer."""

    async def serve(self: Endpoint, connection: socket.socket, origin: str | None) -> None:
        identity = self.network.identity_for(origin, self)
        if identity is not self.present() and is_a_look(await peeked(connection)):
            identity = self.present()
        await self._begin_tls(connection, identity.context)
        self._raw.discard(connection)

    monkeypatch.setattr(Endpoint, "_serve", serve)
