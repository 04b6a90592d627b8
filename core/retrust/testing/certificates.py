"""Self-signed certificates and TLS servers on loopback, for tests of what looks at endpoints."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from retrust.models import Endpoint

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class SelfSigned:
    """A certificate with its key, which stays in memory and in the server's context."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def context(self, *beside: SelfSigned) -> ssl.SSLContext:
        """A server's context that presents this certificate, and those ``beside`` it as its chain."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        self.present_in(context, *beside)
        return context

    def present_in(self, context: ssl.SSLContext, *beside: SelfSigned) -> None:
        """From its next handshake on, a server of this context presents this certificate: a renewal."""
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder) / "chain.pem"
            chain.write_bytes(
                b"".join([self.pem, *(other.pem for other in beside)])
                + self.key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
            context.load_cert_chain(chain)


def self_signed(
    common_name: str, *, key: PrivateKey | None = None, days: int = 30, organization: str = "Retrust tests"
) -> SelfSigned:
    """A certificate for ``common_name``; with ``key``, a renewal that keeps it."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return SelfSigned(certificate, key)


@asynccontextmanager
async def tls_server(
    context: ssl.SSLContext, host: str = "127.0.0.1", received: asyncio.Queue[bytes] | None = None
) -> AsyncIterator[Endpoint]:
    """Serves TLS on a free port; ``received`` gets what each client sent after its handshake."""
    clients: dict[asyncio.Task[None], asyncio.WriteTransport] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not server.is_serving():  # the handshake was still going on at the block's end
            return writer.transport.abort()
        task = asyncio.current_task()
        assert task is not None
        clients[task] = writer.transport
        try:
            sent = await reader.read()
            if received is not None:
                received.put_nowait(sent)
        except OSError:
            pass  # a client that ends its connection without a notice is its own business
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
            del clients[task]

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    try:
        yield Endpoint(host=host, port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for transport in clients.values():
            transport.abort()
        await asyncio.gather(*clients, return_exceptions=True)
