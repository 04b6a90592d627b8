"""One way out of a browser: a loopback listener that leads to one server with one certificate.

Why not tell the browser to trust the key: Chromium's ``--ignore-certificate-errors-spki-list`` accepts any
chain that *contains* the key, so an interceptor that sends the genuine certificate behind its own is let
in. Here every connection is compared with the pinned fingerprint, before a byte of it is passed on; the
browser trusts the key of this listener alone, which was made a moment ago and never leaves the process.

Starting the browser is ``browser``'s part; deciding which fingerprint to pin is the caller's.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
import tempfile
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from retrust.errors import ChangedIdentity
from retrust.models import Endpoint

CHUNK = 1 << 16
CLOSING_SECONDS = 2.0


class PinnedRelay:
    """Passes connections on to ``upstream`` while it presents ``fingerprint``, and cuts all others.

    ``changed`` is set once another certificate was presented; ``unreachable`` quotes the last failure to
    connect. ``name`` is what the server is asked for (SNI), where it is not an address.
    """

    def __init__(
        self, upstream: Endpoint, *, name: str, node: str, fingerprint: str, connect_seconds: float = 20.0
    ) -> None:
        self.upstream = upstream
        self.name = name
        self.node = node
        self.fingerprint = fingerprint
        self.connect_seconds = connect_seconds
        self.changed: ChangedIdentity | None = None
        self.unreachable: str | None = None
        self.port = 0
        self.key_digest = ""
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> PinnedRelay:
        context, self.key_digest = _own_identity()
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=context, ssl_shutdown_timeout=CLOSING_SECONDS
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await self._relay(reader, writer)
        except asyncio.CancelledError:
            pass  # the relay is closing; nothing waits for this task but __aexit__
        except (OSError, TimeoutError, ssl.SSLError) as exc:
            self.unreachable = str(exc) or type(exc).__name__
        finally:
            writer.transport.abort()
            self._running.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(self.connect_seconds):
            up_reader, up_writer = await asyncio.open_connection(
                self.upstream.host,
                self.upstream.port,
                ssl=_pinning_context(),
                server_hostname=self.name,
                ssl_shutdown_timeout=CLOSING_SECONDS,
            )
        try:
            if not self._is_pinned(up_writer):
                return
            await _pass_on(reader, writer, up_reader, up_writer)
        finally:
            up_writer.transport.abort()

    def _is_pinned(self, writer: asyncio.StreamWriter) -> bool:
        presented = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        seen = "SHA256:" + hashlib.sha256(presented).hexdigest()
        if seen != self.fingerprint:
            self.changed = ChangedIdentity(
                "web certificate", node=self.node, expected=(self.fingerprint,), presented=seen
            )
        return seen == self.fingerprint


def _pinning_context() -> ssl.SSLContext:
    """No chain is asked for, because the one certificate that is let through is compared byte for byte."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    up_reader: asyncio.StreamReader,
    up_writer: asyncio.StreamWriter,
) -> None:
    """Both directions, until either end closes."""
    ways = {asyncio.create_task(_pump(reader, up_writer)), asyncio.create_task(_pump(up_reader, writer))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        writer.close()  # what was written is flushed first
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), CLOSING_SECONDS)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()


def _own_identity() -> tuple[ssl.SSLContext, str]:
    """A key and certificate for this listener only, and the key's digest as Chromium wants it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "retrust relay")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .sign(key, hashes.SHA256())
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem += certificate.public_bytes(serialization.Encoding.PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # ssl loads keys from files only; the folder is 0700
        path = Path(folder) / "relay.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context, b64encode(hashlib.sha256(public).digest()).decode()
