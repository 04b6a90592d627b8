"""What is read of a certificate without a strict library."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization

from retrust.testing.certificates import self_signed
from retrust.x509.der import UNREADABLE_TIME, elements, fields_of

MADE = self_signed("prime-sec", organization="Cisco, Inc.")


def test_the_fields_are_those_that_a_strict_library_reads() -> None:
    """Dates, names and the key's own bytes agree with the library's."""
    read, strict = fields_of(MADE.der), MADE.certificate
    assert (read.not_before, read.not_after) == (strict.not_valid_before_utc, strict.not_valid_after_utc)
    assert read.subject == read.issuer
    assert read.key == strict.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_elements_that_follow_one_another_make_up_the_whole() -> None:
    """Nothing is lost between elements, in the short form of a length and in the long one."""
    long = b"\x04\x81\xc8" + bytes(200)
    assert [(e.tag, e.whole, len(e.contents)) for e in elements(b"\x02\x01\x05" + long)] == [
        (2, b"\x02\x01\x05", 1),
        (4, long, 200),
    ]


@pytest.mark.parametrize("cut", [1, 3, 150, -1])  # not its length: that is another one in each process
def test_a_certificate_that_is_cut_is_an_error(cut: int) -> None:
    """A part of a certificate is never read as a whole one."""
    with pytest.raises(ValueError, match="ends in the middle"):
        fields_of(MADE.der[:cut])


def test_an_impossible_time_leaves_the_rest_readable() -> None:
    """One unreadable date hides neither the other one nor the names."""
    strict = MADE.certificate
    written = strict.not_valid_before_utc.strftime("%y%m%d%H%M%SZ").encode()
    assert MADE.der.count(written) == 1
    read = fields_of(MADE.der.replace(written, b"269901000000Z"))
    assert read.not_before == UNREADABLE_TIME == datetime(1, 1, 1, tzinfo=UTC)
    assert read.not_after == strict.not_valid_after_utc
    assert read.subject == fields_of(MADE.der).subject
