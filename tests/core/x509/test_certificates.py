"""Certificates: fingerprints in one spelling, and keys named byte for byte."""

import contextlib
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.testing.certificates import self_signed
from retrust.x509.certificates import fingerprint, parse_fingerprint, read_presented

HEX = hashlib.sha256(b"x").hexdigest()
COLONS = ":".join(HEX[i : i + 2] for i in range(0, 64, 2)).upper()


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        HEX.upper(),
        COLONS,
        f"SHA256:{HEX}",
        f"sha256:{COLONS}",
        f"SHA-256: {COLONS}",
        f"sha256 Fingerprint={COLONS}",
        f" {HEX}\n",
        HEX[:32] + " " + HEX[32:],
        COLONS.replace(":", " "),
    ],
)
def test_fingerprints_have_one_spelling(text: str) -> None:
    """What OpenSSL, browsers and people write becomes what ``fingerprint`` writes."""
    assert parse_fingerprint(text) == f"SHA256:{HEX}" == fingerprint(b"x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "64"),
        ("SHA256:", "64"),
        (HEX[:-2], "64"),
        (HEX + "00", "64"),
        ("MD5:" + HEX, "64"),
        ("SHA256:LXEWQrcmsEQBYnyp/6wy9chTD7GQPMTbAiWHF5IaSIE", "64"),
        (hashlib.sha1(b"x").hexdigest(), "SHA-1"),
    ],
)
def test_other_texts_are_no_fingerprints(text: str, says: str) -> None:
    """Another length, digest or encoding is refused, and the error says what is wanted."""
    with pytest.raises(ValueError, match=says):
        parse_fingerprint(text)


@given(st.text())
def test_no_text_crashes_the_fingerprint_parser(text: str) -> None:
    """Any text is a fingerprint in its one spelling, or a ValueError."""
    with contextlib.suppress(ValueError):
        assert parse_fingerprint(parse_fingerprint(text)) == parse_fingerprint(text)


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(public_exponent=65537, key_size=2048)]
)
def test_what_is_presented_is_told_whole(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    """Fingerprints of certificate and key, names, and dates that know their zone."""
    made = self_signed("prime-sec", key=key, organization="Cisco, Inc.")
    presented = read_presented([made.der, b"issuer"])
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert presented.fingerprint == "SHA256:" + hashlib.sha256(made.der).hexdigest()
    assert presented.key_fingerprint == "SHA256:" + hashlib.sha256(spki).hexdigest()
    assert presented.subject == presented.issuer == "CN=prime-sec,O=Cisco\\, Inc."
    assert presented.not_before == made.certificate.not_valid_before_utc
    assert presented.not_after == made.certificate.not_valid_after_utc
    assert presented.chain == (made.der, b"issuer")


def test_a_renewal_may_keep_its_key() -> None:
    """Two certificates over one key differ, and their keys do not."""
    old = self_signed("a")
    new = self_signed("a", key=old.key)
    assert fingerprint(old.der) != fingerprint(new.der)
    keys = [read_presented([made.der]).key_fingerprint for made in (old, new, self_signed("a"))]
    assert keys[0] == keys[1] != keys[2]


# -- what a strict library refuses ----------------------------------------------------------------------


def with_name(name: str, kind: _ASN1Type) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name, _type=kind)])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=9))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


PRINTABLE = with_name("prime-sec", _ASN1Type.PrintableString)
ODD = {
    "version 4": PRINTABLE.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03", 1),
    "an underscore in a PrintableString": PRINTABLE.replace(b"prime-sec", b"prime_sec"),
    "T61String": with_name("prime-sec", _ASN1Type.UTF8String).replace(b"\x0c\x09prime-sec", b"\x14\x09prime\xfcsec"),
    "an impossible time": PRINTABLE.replace(b"260101000000Z", b"269901000000Z"),
    "a serial number of nothing": PRINTABLE.replace(b"\x02\x02\x12\x67", b"\x02\x02\x00\x00"),
    "a negative serial number": PRINTABLE.replace(b"\x02\x02\x12\x67", b"\x02\x02\xff\x67"),
    "an unknown curve": PRINTABLE.replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d0301ff")),
    "bytes behind it": PRINTABLE + b"more",
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_certificate_is_still_presented(kind: str) -> None:
    """Whatever a strict library says of it, its fingerprint is that of its bytes, and its names are read."""
    presented = read_presented([ODD[kind]])
    assert presented.fingerprint == "SHA256:" + hashlib.sha256(ODD[kind]).hexdigest()
    assert presented.subject.startswith("CN=prime")
    assert presented.key_fingerprint != presented.fingerprint


@settings(max_examples=many(300))
@given(
    st.binary(max_size=200)
    | st.integers(0, len(PRINTABLE) - 1).flatmap(
        lambda at: st.binary(min_size=1, max_size=9).map(lambda new: PRINTABLE[:at] + new + PRINTABLE[at + len(new) :])
    )
)
def test_any_bytes_have_a_fingerprint(der: bytes) -> None:
    """Damaged and foreign bytes are presented by their fingerprint, and raise nothing."""
    assert read_presented([der]).fingerprint == "SHA256:" + hashlib.sha256(der).hexdigest()
