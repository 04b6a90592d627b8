"""Certificates: fingerprints in one spelling, bundles read, and keys named byte for byte."""

import contextlib
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from retrust.certificates import (
    fingerprint,
    key_fingerprint,
    load_certificates,
    parse_fingerprint,
    read_presented,
)
from retrust.testing.certificates import self_signed

HEX = hashlib.sha256(b"x").hexdigest()
COLONS = ":".join(HEX[i:i + 2] for i in range(0, 64, 2)).upper()


@pytest.mark.parametrize("text", [HEX, HEX.upper(), COLONS, f"SHA256:{HEX}", f"sha256:{COLONS}",
                                  f"SHA-256: {COLONS}", f"sha256 Fingerprint={COLONS}", f" {HEX}\n",
                                  HEX[:32] + " " + HEX[32:], COLONS.replace(":", " ")])
def test_fingerprints_have_one_spelling(text: str) -> None:
    """What OpenSSL, browsers and people write becomes what ``fingerprint`` writes."""
    assert parse_fingerprint(text) == f"SHA256:{HEX}" == fingerprint(b"x")


@pytest.mark.parametrize(("text", "says"), [
    ("", "64"), ("SHA256:", "64"), (HEX[:-2], "64"), (HEX + "00", "64"), ("MD5:" + HEX, "64"),
    ("SHA256:LXEWQrcmsEQBYnyp/6wy9chTD7GQPMTbAiWHF5IaSIE", "64"),
    (hashlib.sha1(b"x").hexdigest(), "SHA-1"),
])
def test_other_texts_are_no_fingerprints(text: str, says: str) -> None:
    """Another length, digest or encoding is refused, and the error says what is wanted."""
    with pytest.raises(ValueError, match=says):
        parse_fingerprint(text)


@given(st.text())
def test_no_text_crashes_the_fingerprint_parser(text: str) -> None:
    """Any text is a fingerprint in its one spelling, or a ValueError."""
    with contextlib.suppress(ValueError):
        assert parse_fingerprint(parse_fingerprint(text)) == parse_fingerprint(text)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()),
                                 rsa.generate_private_key(public_exponent=65537, key_size=2048)])
def test_what_is_presented_is_told_whole(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    """Fingerprints of certificate and key, names, and dates that know their zone."""
    made = self_signed("prime-sec", key=key, organization="Cisco, Inc.")
    presented = read_presented([made.der, b"issuer"])
    spki = key.public_key().public_bytes(serialization.Encoding.DER,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)
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
    assert key_fingerprint(old.certificate) == key_fingerprint(new.certificate)
    assert key_fingerprint(old.certificate) != key_fingerprint(self_signed("a").certificate)


def test_bundles_and_der_are_loaded() -> None:
    """A PEM bundle gives all its certificates, with text and keys between them; a DER gives its one."""
    first, second = self_signed("a"), self_signed("b")
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    bundle = b"# a comment\n" + first.pem + other + b"subject=/CN=b\n" + second.pem
    assert load_certificates(bundle) == (first.certificate, second.certificate)
    assert load_certificates(bundle.decode()) == (first.certificate, second.certificate)
    assert load_certificates(first.der) == (first.certificate,)


@pytest.mark.parametrize("data", [b"", b"nonsense",
                                  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                  b"-----BEGIN NOTHING-----\n-----END NOTHING-----\n"])
def test_what_holds_no_certificate_is_an_error(data: bytes | str) -> None:
    """Anything else is a ValueError, never an empty bundle."""
    with pytest.raises(ValueError, match=r".+"):
        load_certificates(data)
