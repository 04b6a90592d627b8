"""Certificates as fingerprints, names and dates.

Nothing here connects or trusts: ``retrust.tls`` looks at endpoints, and what a certificate proves is judged
by the evidence collectors.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from cryptography import x509

from retrust.dn import DistinguishedName
from retrust.models import Presented

_FINGERPRINT = re.compile(r"(?:SHA-?256(?:\s+FINGERPRINT)?\s*[:=]\s*)?(?P<hex>[0-9A-F:\s-]+)", re.IGNORECASE)


def fingerprint(der: bytes) -> str:
    """``SHA256:`` and lower-case hex: how certificates and keys are named everywhere."""
    return f"SHA256:{hashlib.sha256(der).hexdigest()}"


def parse_fingerprint(text: str) -> str:
    """The spelling of ``fingerprint`` for what browsers, OpenSSL and people write; else ``ValueError``."""
    match = _FINGERPRINT.fullmatch(text.strip())
    digits = re.sub(r"[:\s-]", "", match["hex"]).lower() if match else ""
    if len(digits) == 40:
        raise ValueError("this is a SHA-1 fingerprint; a SHA-256 one has 64 hexadecimal digits")
    if len(digits) != 64:
        raise ValueError("not a SHA-256 fingerprint: SHA256: and 64 hexadecimal digits, colons allowed")
    return f"SHA256:{digits}"


def load_certificates(data: bytes | str) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM text, or the one of a DER; ``ValueError`` where there is none."""
    raw = data.encode() if isinstance(data, str) else data
    if b"-----BEGIN" in raw:
        return tuple(x509.load_pem_x509_certificates(raw))
    return (x509.load_der_x509_certificate(raw),)


def read_presented(chain: Sequence[bytes]) -> Presented:
    """A chain in DER, leaf first, as an endpoint presented it; ``ValueError`` if it cannot be read."""
    leaf = x509.load_der_x509_certificate(chain[0])
    return Presented(
        fingerprint=fingerprint(chain[0]),
        key_fingerprint=key_fingerprint(leaf),
        subject=DistinguishedName.from_x509(leaf.subject).rfc4514(),
        issuer=DistinguishedName.from_x509(leaf.issuer).rfc4514(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        chain=tuple(chain),
    )


def key_fingerprint(certificate: x509.Certificate) -> str:
    """The fingerprint of the SubjectPublicKeyInfo, byte for byte as it stands in the certificate.

    Encoding the parsed key again would fail on curves that the library does not know, and change the
    bytes where a certificate encodes them in its own way.
    """
    return fingerprint(_subject_public_key_info(certificate.tbs_certificate_bytes))


def _subject_public_key_info(tbs: bytes) -> bytes:
    """TBSCertificate: an optional [0] version, serial, algorithm, issuer, validity, subject, then the key."""
    at, _ = _contents(tbs, 0)
    for _field in range(6 if tbs[at] == 0xA0 else 5):
        _, at = _contents(tbs, at)
    return tbs[at:_contents(tbs, at)[1]]


def _contents(der: bytes, at: int) -> tuple[int, int]:
    """Where the contents of the DER element at ``at`` start and end."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2:start])
    return start, start + length
