"""A small world of TLS servers on loopback, and eyes that look at it from several places.

Which server a node reaches at an address is a table (``World.reaches``), as routing and interceptors make
it; every look is a real handshake with the server that the table names.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import itertools
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from retrust.evidence import Edge
from retrust.models import Baseline, Endpoint, Pin, Presented, Sighting
from retrust.target import Place

NOW = datetime.now(UTC)
US = "us"


@dataclass(frozen=True)
class Certified:
    """A certificate with its key, and what a server sends after it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    sent: tuple[x509.Certificate, ...] = ()

    @property
    def fingerprint(self) -> str:
        return "SHA256:" + self.certificate.fingerprint(hashes.SHA256()).hex()

    def context(self, folder: Path) -> ssl.SSLContext:
        pem = folder / f"{self.certificate.serial_number:x}.pem"
        pem.write_bytes(
            b"".join(
                [
                    self.key.private_bytes(
                        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                    ),
                    *(c.public_bytes(serialization.Encoding.PEM) for c in (self.certificate, *self.sent)),
                ]
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context


def make_certificate(
    name: str,
    *,
    sans: tuple[str, ...] = (),
    issuer: Certified | None = None,
    ca: bool = False,
    key: ec.EllipticCurvePrivateKey | None = None,
    days: tuple[int, int] = (-1, 90),
    usage: bool = True,
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> Certified:
    """A certificate as a private CA makes it; self-signed without ``issuer``."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName([_san(s) for s in sans]), critical=False)
    if not ca:
        serves = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(serves, critical=False)
    elif usage:
        builder = builder.add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    return Certified(builder.sign(signer, hashes.SHA256()), key)


def _san(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@dataclass
class World:
    """``reaches[looker, endpoint]`` is the port that answers there, or an error that looking raises."""

    folder: Path
    reaches: dict[tuple[str, Endpoint], int | Exception] = field(default_factory=dict)
    servers: list[asyncio.Server] = field(default_factory=list)

    async def serve(self, *certified: Certified) -> int:
        """A server that presents these in turn, one a connection; without any it hangs up on everyone."""
        contexts = itertools.cycle([c.context(self.folder) for c in certified] or [None])

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            context = next(contexts)
            try:
                if context is not None:
                    await writer.start_tls(context)
                    await reader.read()
            except (OSError, EOFError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        self.servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def from_here(self, endpoint: Endpoint) -> Presented:
        return await self.through(US, endpoint)

    async def through(self, node: str, endpoint: Endpoint) -> Presented:
        port = self.reaches[node, endpoint]
        if isinstance(port, Exception):
            raise port
        return await _look(port)

    async def otherwise_through(self, node: str, endpoint: Endpoint) -> list[tuple[str, Presented | Exception]]:
        """The looks at ``reaches[words, endpoint]`` whose words begin with the node's name."""
        looks: list[tuple[str, Presented | Exception]] = []
        for words in [words for words, there in self.reaches if words.startswith(f"{node}, ") and there == endpoint]:
            try:
                looks.append((words, await self.through(words, endpoint)))
            except Exception as error:
                looks.append((words, error))
        return looks


async def _look(port: int) -> Presented:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        session = writer.get_extra_info("ssl_object")
        sent = [c.public_bytes(1) for c in session._sslobj.get_unverified_chain()]
        chain = tuple(ssl.PEM_cert_to_DER_cert(pem) for pem in sent)
    finally:
        writer.close()
        await writer.wait_closed()
    return describe(*chain)


def describe(*chain: bytes) -> Presented:
    certificate = x509.load_der_x509_certificate(chain[0])
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Presented(
        fingerprint="SHA256:" + hashlib.sha256(chain[0]).hexdigest(),
        key_fingerprint="SHA256:" + hashlib.sha256(spki).hexdigest(),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        chain=chain,
    )


ENDPOINT = Endpoint(host="10.0.0.12", port=8082)
LOOPBACK = Endpoint(host="127.0.0.1", port=8082)
PIN = Pin(
    holder="primary", key="10.0.0.12_8082", subject="/CN=prime-sec", line="host=10.0.0.12_8082; subject= /CN=prime-sec"
)


def make_edge(
    presented: Presented,
    *,
    endpoint: Endpoint = ENDPOINT,
    peer: str | None = "secondary",
    baseline: Baseline | None = None,
    sightings: tuple[Sighting, ...] = (),
    ca: Path | None = None,
) -> Edge:
    place = Place(kind="endpoint", endpoint=endpoint, relation="ha", peer=peer, loopback=LOOPBACK if peer else None)
    return Edge(pin=PIN, place=place, presented=presented, baseline=baseline, sightings=sightings, ca=ca)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    for server in world.servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
def certificate() -> Callable[..., Certified]:
    return make_certificate


@pytest.fixture
def edge() -> Callable[..., Edge]:
    return make_edge


@pytest.fixture
def presented() -> Callable[[Certified], Presented]:
    """What a look at this certificate shows, where the look itself is not the subject."""
    return lambda certified: describe(
        *(c.public_bytes(serialization.Encoding.DER) for c in (certified.certificate, *certified.sent))
    )
