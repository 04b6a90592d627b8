"""Certificates as fingerprints, names and dates.

Nothing here connects or trusts: ``retrust.x509.tls`` looks at endpoints, and what a certificate proves is judged
by the evidence collectors.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from retrust.models import Presented
from retrust.x509.der import UNREADABLE_TIME, fields_of

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


def read_presented(chain: Sequence[bytes]) -> Presented:
    """A chain in DER, leaf first, as an endpoint presented it; what cannot be read of it is left out.

    Of bytes that are no certificate at all there is still the fingerprint, which then stands for the key's, too.
    """
    own = fingerprint(chain[0])
    try:
        fields = fields_of(chain[0])
    except (ValueError, IndexError, StopIteration):
        return Presented(
            fingerprint=own,
            key_fingerprint=own,
            subject="",
            issuer="",
            not_before=UNREADABLE_TIME,
            not_after=UNREADABLE_TIME,
            chain=tuple(chain),
        )
    return Presented(
        fingerprint=own,
        key_fingerprint=fingerprint(fields.key),
        subject=fields.subject.rfc4514(),
        issuer=fields.issuer.rfc4514(),
        not_before=fields.not_before,
        not_after=fields.not_after,
        chain=tuple(chain),
    )
