"""The certificate in a file that somebody hands in."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.x509.files import server_certificate


def issued() -> tuple[bytes, bytes, bytes]:
    """A server's certificate and its issuer's, in PEM, and the server's key."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example CA")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "prime-sec")])
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def made(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> bytes:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=9))
            .sign(root_key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    return (
        made(name, key.public_key()),
        made(root, root_key.public_key()),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


LEAF, CA, KEY = issued()
DER = x509.load_pem_x509_certificate(LEAF).public_bytes(serialization.Encoding.DER)
BOTH = [x509.load_pem_x509_certificate(pem) for pem in (CA, LEAF)]
P12 = pkcs12.serialize_key_and_certificates(
    b"x",
    serialization.load_pem_private_key(KEY, None),
    BOTH[1],
    [BOTH[0]],
    serialization.BestAvailableEncryption(b"pass word"),
)
HANDED_IN = {
    "PEM": LEAF,
    "DER": DER,
    "a full chain": LEAF + CA,
    "a reversed chain": CA + LEAF,
    "key and certificate": KEY + LEAF,
    "CRLF": LEAF.replace(b"\n", b"\r\n"),
    "text before it": b"Certificate:\n    Data:\n        Version: 3 (0x2)\n" + LEAF,
    "UTF-16": LEAF.decode().encode("utf-16"),
    "UTF-16 without a mark": LEAF.decode().encode("utf-16-le"),
    "a mark of UTF-8": b"\xef\xbb\xbf" + LEAF,
    "PKCS#7": pkcs7.serialize_certificates(BOTH, serialization.Encoding.DER),
    "PKCS#7 in PEM": pkcs7.serialize_certificates(BOTH, serialization.Encoding.PEM),
    "a trusted certificate": LEAF.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
}


@pytest.mark.parametrize("kind", HANDED_IN)
def test_the_servers_certificate_is_found(kind: str) -> None:
    """However a file holds it, and whatever else it holds."""
    assert server_certificate(HANDED_IN[kind]) == DER


def test_pkcs12_is_read_with_its_password() -> None:
    """Without the password the error says that one is needed."""
    assert server_certificate(P12, b"pass word") == DER
    with pytest.raises(ValueError, match="needs its password"):
        server_certificate(P12)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (KEY, "it holds a private key, no certificate"),
        (b"nonsense", "it holds no certificate"),
        (b"\x30\x03\x02\x01\x01", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA", "half a PEM block"),
        (LEAF[:100] + b"!!!" + LEAF[100:], "damaged"),
        (
            b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
            "a request for a certificate",
        ),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "a public key"),
        (LEAF + issued()[0], "2 certificates of servers"),
    ],
)
def test_what_holds_no_certificate_is_said(data: bytes, says: str) -> None:
    """The reason, and what to give instead; never a foreign exception."""
    with pytest.raises(ValueError, match=says):
        server_certificate(data)


@settings(max_examples=many(300))
@given(st.sampled_from(list(HANDED_IN.values())), st.integers(0, 3000), st.binary(max_size=9))
def test_a_damaged_file_is_one_error(data: bytes, at: int, new: bytes) -> None:
    """Any change of a file gives a certificate or a ValueError."""
    with contextlib.suppress(ValueError):
        server_certificate(data[:at] + new + data[at + len(new) :])
