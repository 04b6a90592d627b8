"""What stands in a certificate that a strict library refuses: old appliances and corporate CAs serve such ones.

Only places are read here, never trust: a version that does not exist, a character that its type forbids or a time
that cannot be leaves the rest of a certificate as it is, and its fingerprint above all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from retrust.x509.dn import Attribute, DistinguishedName

UNREADABLE_TIME = datetime(1, 1, 1, tzinfo=UTC)
_UTF16, _UTF32 = 0x1E, 0x1C


class Element(NamedTuple):
    """One DER element: its tag, its whole encoding, and its contents."""

    tag: int
    whole: bytes
    contents: bytes


class Fields(NamedTuple):
    subject: DistinguishedName
    issuer: DistinguishedName
    not_before: datetime
    not_after: datetime
    key: bytes
    """SubjectPublicKeyInfo, byte for byte as it stands in the certificate."""


def elements(der: bytes) -> Iterator[Element]:
    """The elements that follow one another; ``ValueError`` where the bytes are none."""
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise ValueError("a certificate ends in the middle")
        length, start = der[at + 1], at + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[at + 2 : start])
        if start + length > len(der):
            raise ValueError("a certificate ends in the middle")
        yield Element(der[at], der[at : start + length], der[start : start + length])
        at = start + length


def fields_of(certificate: bytes) -> Fields:
    """TBSCertificate: an optional [0] version, serial, algorithm, issuer, validity, subject, then the key."""
    outer = next(elements(certificate))
    tbs = list(elements(next(elements(outer.contents)).contents))
    at = 1 if tbs and tbs[0].tag == 0xA0 else 0
    if len(tbs) < at + 6:
        raise ValueError("it is no certificate")
    issuer, validity, subject, key = tbs[at + 2], tbs[at + 3], tbs[at + 4], tbs[at + 5]
    times = [_time(element) for element in elements(validity.contents)]
    before, after = times if len(times) == 2 else (UNREADABLE_TIME, UNREADABLE_TIME)
    return Fields(_name(subject.contents), _name(issuer.contents), before, after, key.whole)


def _name(rdns: bytes) -> DistinguishedName:
    return DistinguishedName(
        tuple(tuple(_attribute(attribute) for attribute in elements(rdn.contents)) for rdn in elements(rdns))
    )


def _attribute(attribute: Element) -> Attribute:
    kind, value = list(elements(attribute.contents))[:2]
    encoding = {_UTF16: "utf-16-be", _UTF32: "utf-32-be"}.get(value.tag, "utf-8")
    try:
        text = value.contents.decode(encoding)
    except UnicodeDecodeError:
        text = value.contents.decode("latin-1")  # what T61String mostly holds
    return Attribute(_oid(kind.contents), text)


def _oid(contents: bytes) -> str:
    numbers, number = [], 0
    for byte in contents:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2) if numbers else 0
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]])) if numbers else ""


def _time(element: Element) -> datetime:
    text = element.contents.decode("ascii", "replace").removesuffix("Z")
    if len(text) in (10, 12):  # UTCTime: a year of two digits, before 2050
        text = ("20" if text[:2] < "50" else "19") + text
    try:
        return datetime.strptime(text.partition(".")[0].ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return UNREADABLE_TIME
