"""Certificates and TLS servers for tests are what a handshake really sees."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from retrust.models import Endpoint
from retrust.testing.certificates import self_signed, tls_server


async def _presented(endpoint: Endpoint) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
    seen: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.write(b"hello")
    writer.close()
    return seen


async def test_a_server_presents_its_certificate_until_it_is_renewed() -> None:
    """The next handshake sees the renewal, without a new server."""
    first = self_signed("prime")
    renewal = self_signed("prime", key=first.key)
    context = first.context()
    async with tls_server(context) as endpoint:
        assert await _presented(endpoint) == first.der
        renewal.present_in(context)
        assert await _presented(endpoint) == renewal.der != first.der


def test_a_renewal_can_keep_its_key() -> None:
    """Another certificate, the same public key; without one named the key is new."""
    first = self_signed("prime")
    kept, new = self_signed("prime", key=first.key), self_signed("prime")
    assert kept.certificate.public_key() == first.certificate.public_key()
    assert kept.der != first.der
    assert new.certificate.public_key() != first.certificate.public_key()


async def test_what_a_client_sends_after_its_handshake_is_kept() -> None:
    """So that a test can tell that nothing was sent."""
    received: asyncio.Queue[bytes] = asyncio.Queue()
    async with tls_server(self_signed("prime").context(), received=received) as endpoint:
        await _presented(endpoint)
        assert await asyncio.wait_for(received.get(), 20) == b"hello"


async def test_the_end_of_a_server_ends_its_connections() -> None:
    """A client that waits for an answer does not hold a test."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(20):
        async with tls_server(self_signed("prime").context()) as endpoint:
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
        with contextlib.suppress(OSError):
            assert await reader.read() == b""
        writer.transport.abort()
