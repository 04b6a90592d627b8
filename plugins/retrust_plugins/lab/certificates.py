"""Keys and certificates of the lab's nodes, of its site CA, and of its interceptors.

Everything is real X.509. What a certificate is worth to whom is decided elsewhere: in ``tofu`` by the
nodes, and by the client under test.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
KeyType = Literal["ec", "rsa"]


def fingerprint(der: bytes) -> str:
    return f"SHA256:{hashlib.sha256(der).hexdigest()}"


def new_key(kind: KeyType = "ec") -> PrivateKey:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, and what is sent after it on the wire."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def subject(self) -> x509.Name:
        return self.certificate.subject

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate.public_bytes(Encoding.DER))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The server side of TLS with this identity."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # `ssl` reads keys from files only; this one lives for the length of one call.
        handle, path = tempfile.mkstemp(suffix=".pem")
        try:
            os.write(handle, self._bundle())
            os.close(handle)
            context.load_cert_chain(path)
        finally:
            Path(path).unlink()
        return context

    def _bundle(self) -> bytes:
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificates = (c.public_bytes(Encoding.PEM) for c in (self.certificate, *self.chain))
        return key + b"".join(certificates)


class SiteCA:
    """The site's own certificate authority, for labs whose certificates are not self-signed."""

    def __init__(self, name: str = "CN=Lab Site CA,O=Lab") -> None:
        self.key = new_key()
        subject = x509.Name.from_rfc4514_string(name)
        self.certificate = (
            _builder(subject, subject, self.key.public_key(), self.key.public_key(), days=3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def sign(self, csr: x509.CertificateSigningRequest, hosts: Sequence[str]) -> x509.Certificate:
        """Issue what a signing request asks for, for these hosts."""
        return issue(csr.subject, hosts, csr.public_key(), self)


def make_identity(subject: x509.Name, hosts: Sequence[str], key: PrivateKey, ca: SiteCA | None) -> Identity:
    """A new certificate for ``key``, issued by ``ca``, or by itself where there is none."""
    return Identity(issue(subject, hosts, key.public_key(), ca or key), key)


def issue(subject: x509.Name, hosts: Sequence[str], public: object, signer: SiteCA | PrivateKey) -> x509.Certificate:
    if not isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise TypeError("the lab signs EC and RSA keys only")
    if isinstance(signer, SiteCA):
        issuer, key = signer.certificate.subject, signer.key
    else:
        issuer, key = subject, signer
    return (
        _builder(subject, issuer, public, key.public_key(), days=825)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(h) for h in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: PublicKey, issuer_key: PublicKey, *, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
