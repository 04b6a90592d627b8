"""The way out of a browser leads to one certificate; nothing is sent to a server that presents another one."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from cryptography.hazmat.primitives import hashes

from retrust.browser.relay import PinnedRelay
from retrust.models import Endpoint
from retrust.testing.certificates import SelfSigned, self_signed, tls_server

PINNED, OTHER = self_signed("prime"), self_signed("prime")


def _relay(upstream: Endpoint, pinned: SelfSigned = PINNED) -> PinnedRelay:
    return PinnedRelay(upstream, name="prime", node="primary", fingerprint=_fingerprint(pinned))


def _fingerprint(of: SelfSigned) -> str:
    return "SHA256:" + of.certificate.fingerprint(hashes.SHA256()).hex()


async def _send(relay: PinnedRelay, text: bytes) -> bytes:
    """Sends it as a browser would; gives what came back until the end."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port, ssl=context)
        try:
            writer.write(text)
            return await reader.read()
        except OSError:
            return b""
        finally:
            writer.transport.abort()


async def test_both_directions_pass_while_the_pinned_certificate_is_presented() -> None:
    """Byte for byte, to the end."""

    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readuntil(b"\n")).upper() * 10_000)
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0, ssl=PINNED.context())
    async with server, _relay(Endpoint(host="127.0.0.1", port=server.sockets[0].getsockname()[1])) as relay:
        assert await _send(relay, b"hello\n") == b"HELLO\n" * 10_000
        assert (relay.changed, relay.unreachable) == (None, None)


async def test_nothing_is_sent_to_a_server_with_another_certificate() -> None:
    """The connection is cut before a byte is passed on, also where the pinned one is sent along as its chain."""
    received: asyncio.Queue[bytes] = asyncio.Queue()
    async with tls_server(OTHER.context(PINNED), received=received) as upstream, _relay(upstream) as relay:
        assert await _send(relay, b"a secret\n") == b""
        assert relay.changed is not None
        assert (relay.changed.expected, relay.changed.presented) == ((_fingerprint(PINNED),), _fingerprint(OTHER))
    assert received.empty() or received.get_nowait() == b""


async def test_a_server_that_cannot_be_reached_is_told() -> None:
    """In the system's words, and it is no change of identity."""
    async with tls_server(PINNED.context()) as upstream:
        pass
    async with _relay(upstream) as relay:
        assert await _send(relay, b"hello\n") == b""
        assert relay.unreachable
        assert relay.changed is None


async def test_each_relay_has_a_key_of_its_own() -> None:
    """A browser that trusts one trusts no other."""
    nowhere = Endpoint(host="127.0.0.1", port=9)
    async with _relay(nowhere) as one, _relay(nowhere) as two:
        assert one.key_digest != two.key_digest
        assert one.port != two.port


async def test_the_end_of_a_relay_ends_its_connections() -> None:
    """A page that still loads holds nobody."""
    reached = asyncio.Event()

    async def load(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        with contextlib.suppress(OSError):
            await reader.read()
        writer.transport.abort()

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    server = await asyncio.start_server(load, "127.0.0.1", 0, ssl=PINNED.context())
    async with asyncio.timeout(20), server:
        async with _relay(Endpoint(host="127.0.0.1", port=server.sockets[0].getsockname()[1])) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port, ssl=context)
            await reached.wait()
        with contextlib.suppress(OSError):
            assert await reader.read() == b""
        writer.transport.abort()
