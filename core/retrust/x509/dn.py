"""Distinguished names, read from and printed in every form that logs, listings and certificates use.

Three forms name one subject: OpenSSL's slash form (``/C=US/CN=x``), its spaced form (``C = US, CN = x``)
and the order of RFC 4514 and Java (``CN=x, C=US``). They differ in order, in quoting and in the names of
attributes, so names are compared as sets of attributes with folded values. Where a DN stands in a text is
``retrust.signatures``' and the target's to find; certificates are read in ``retrust.x509.certificates``.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from retrust.signatures import CUT

if TYPE_CHECKING:
    from cryptography import x509

OPAQUE = ""
"""The attribute type that holds a text which is no distinguished name."""

_ATTRIBUTES = """
2.5.4.3 CN commonName
2.5.4.4 SN surname
2.5.4.5 serialNumber
2.5.4.6 C countryName
2.5.4.7 L localityName
2.5.4.8 ST S stateOrProvinceName
2.5.4.9 street streetAddress
2.5.4.10 O organizationName
2.5.4.11 OU organizationalUnitName
2.5.4.12 title T
2.5.4.13 description
2.5.4.15 businessCategory
2.5.4.16 postalAddress
2.5.4.17 postalCode
2.5.4.20 telephoneNumber
2.5.4.41 name
2.5.4.42 GN G givenName
2.5.4.43 initials
2.5.4.44 generationQualifier generation
2.5.4.45 x500UniqueIdentifier uniqueIdentifier
2.5.4.46 dnQualifier dnq
2.5.4.65 pseudonym
2.5.4.72 role
2.5.4.97 organizationIdentifier
0.9.2342.19200300.100.1.1 UID userId
0.9.2342.19200300.100.1.3 mail rfc822Mailbox
0.9.2342.19200300.100.1.25 DC domainComponent
1.2.840.113549.1.9.1 emailAddress E email
1.2.840.113549.1.9.2 unstructuredName
1.2.840.113549.1.9.8 unstructuredAddress
1.3.6.1.4.1.311.60.2.1.1 jurisdictionL jurisdictionLocalityName
1.3.6.1.4.1.311.60.2.1.2 jurisdictionST jurisdictionStateOrProvinceName
1.3.6.1.4.1.311.60.2.1.3 jurisdictionC jurisdictionCountryName
"""
_ROWS = [line.split() for line in _ATTRIBUTES.split("\n") if line]
_NAMES = {oid: names[0] for oid, *names in _ROWS}
_OIDS = {name.lower(): oid for oid, *names in _ROWS for name in names}

_DOTTED = r"(?:[Oo][Ii][Dd]\.)?[0-9]+(?:\.[0-9]+)+"
_TYPE = rf"(?:[A-Za-z][A-Za-z0-9-]*|{_DOTTED})"
_ATTRIBUTE = re.compile(rf"\s*(?P<type>{_TYPE})\s*=\s*")
_QUOTED = re.compile(rf'"(?P<value>(?:[^"\\]|\\.)*)"\s*(?=\Z|[,;+]\s*{_TYPE}\s*=)', re.DOTALL)
_BARE = re.compile(rf"(?P<value>(?:[^\\,;+]|\\.|\\\Z|[,;+](?!\s*{_TYPE}\s*=))*)", re.DOTALL)
_SLASHED = re.compile(rf"(?P<separator>[/+])(?P<type>{_TYPE}|\\x[0-9A-Fa-f]{{2}}[A-Za-z0-9-]*)=")
_BLANKS_AROUND_EQUALS = re.compile(rf"{_TYPE} = ")
_ESCAPED = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\(?P<char>.)", re.DOTALL)
_SLASH_ESCAPED = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+|\\(?P<char>[/+,;\"\\<>=# ])")
_HEX = re.compile(r"#(?:[0-9A-Fa-f]{2})+")
_HARMLESS = re.compile(r"[\w.@:/-]+(?: [\w.@:/-]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DER_STRINGS = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


class Attribute(NamedTuple):
    """One attribute: a dotted type (or its lower-case name, where its number is not known), and the value."""

    type: str
    value: str

    @property
    def name(self) -> str:
        return _NAMES.get(self.type, self.type)

    @property
    def folded(self) -> Attribute:
        """As names are compared: case, width and inner blanks do not count."""
        if self.type == OPAQUE:
            return self
        value = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", self.value).casefold())
        return Attribute(self.type, " ".join(value.split()))


@dataclass(frozen=True, eq=False)
class DistinguishedName:
    """A distinguished name; equal to another one if both have the same attributes, in any order.

    ``rdns`` keeps the order of X.500 (country first) and the grouping of multi-valued RDNs for printing.
    The grouping does not count in comparisons, because older OpenSSL prints ``OU=a+CN=b`` as ``/OU=a/CN=b``.
    """

    rdns: tuple[tuple[Attribute, ...], ...]

    @cached_property
    def attributes(self) -> frozenset[Attribute]:
        """What is compared: all attributes, folded, without order or grouping."""
        return frozenset(attribute.folded for rdn in self.rdns for attribute in rdn)

    def __eq__(self, other: object) -> bool:
        return self.attributes == other.attributes if isinstance(other, DistinguishedName) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.attributes)

    @classmethod
    def parse(cls, text: str) -> DistinguishedName:
        """Read any form; a text that is none becomes one opaque attribute, equal to nothing but itself."""
        stripped = _strip_unescaped(text.lstrip())
        if not stripped:
            return cls(())
        try:
            if stripped.startswith("/") and _SLASHED.match(stripped):
                return cls(tuple(_slash_rdns(stripped)))
            rdns = tuple(_comma_rdns(stripped))
        except _Unreadable:
            return cls(((Attribute(OPAQUE, stripped),),))
        return cls(rdns if _BLANKS_AROUND_EQUALS.match(stripped) else rdns[::-1])

    @classmethod
    def from_x509(cls, name: x509.Name) -> DistinguishedName:
        return cls(tuple(tuple(Attribute(a.oid.dotted_string, _as_text(a.value)) for a in rdn) for rdn in name.rdns))

    @property
    def readable(self) -> bool:
        """Whether the text was a distinguished name."""
        return all(attribute.type != OPAQUE for rdn in self.rdns for attribute in rdn)

    def may_be(self, cut: str) -> bool:
        """Whether ``cut`` may be the beginning of this name: all but its last attribute are whole."""
        text = cut.removesuffix(CUT).rstrip("\\").strip()
        text = text[: text.rindex('"')] if text.count('"') % 2 else text
        rdns = _cut_rdns(text) or _cut_rdns(_less_begun(text.removesuffix("=").rstrip(), ",+;"))
        if not rdns:
            return re.fullmatch(r"/?[A-Za-z0-9.]*", text) is not None
        *whole, last = [attribute for rdn in rdns for attribute in rdn]
        begun = _less_begun(last.value, ",+;/")
        return {attribute.folded for attribute in whole} <= self.attributes and any(
            (other.type == last.type and other.value.startswith(last.folded.value))
            or other == last._replace(value=begun).folded
            for other in self.attributes
        )

    def covers(self, other: DistinguishedName) -> bool:
        """Whether all that ``other`` says is said here too; an empty name says nothing and is not covered."""
        return bool(other.attributes) and other.attributes <= self.attributes

    def rfc4514(self) -> str:
        """``CN=x,OU=a+OU=b,C=US``: the most specific first."""
        return (
            ",".join("+".join(f"{a.name}={_escape(a.value)}" for a in rdn) for rdn in reversed(self.rdns))
            if self.readable
            else self._opaque()
        )

    def slash(self) -> str:
        """``/C=US/CN=x``, as OpenSSL's ``-nameopt compat``."""
        return (
            "".join("/" + "+".join(f"{_slash_name(a.type)}={_escape_slash(a.value)}" for a in rdn) for rdn in self.rdns)
            if self.readable
            else self._opaque()
        )

    def spaced(self) -> str:
        """``C = US, CN = x``, as OpenSSL prints by default."""
        return (
            ", ".join(" + ".join(f"{a.name} = {_quote(a.value)}" for a in rdn) for rdn in self.rdns)
            if self.readable
            else self._opaque()
        )

    def __str__(self) -> str:
        return self.rfc4514()

    def _opaque(self) -> str:
        return self.rdns[0][0].value


class _Unreadable(Exception):
    """The text is no distinguished name."""


def _less_begun(text: str, separators: str) -> str:
    """Without the attribute that only its type, or a part of it, is there of."""
    at = max(map(text.rfind, separators))
    return text[:at].rstrip() if at >= 0 and re.fullmatch(r"[A-Za-z0-9.]*", text[at + 1 :].lstrip()) else text


def _cut_rdns(text: str) -> list[tuple[Attribute, ...]]:
    return list(_slash_rdns(text) if text.startswith("/") and _SLASHED.match(text) else _readable_rdns(text))


def _readable_rdns(text: str) -> Iterator[tuple[Attribute, ...]]:
    """RDNs as written, up to where the text is no name."""
    with contextlib.suppress(_Unreadable):
        yield from _comma_rdns(text)


def _comma_rdns(text: str) -> Iterator[tuple[Attribute, ...]]:
    """RDNs as written; a comma that no ``type=`` follows is part of the value, for raw printers."""
    rdn: list[Attribute] = []
    at = 0
    while True:
        head = _ATTRIBUTE.match(text, at)
        if head is None:
            raise _Unreadable
        value, at = _comma_value(text, head.end())
        rdn.append(Attribute(_type(head["type"]), value))
        if at == len(text) or text[at] != "+":
            yield tuple(rdn)
            rdn = []
        if at == len(text):
            return
        at += 1


def _comma_value(text: str, at: int) -> tuple[str, int]:
    """The value that starts at ``at``, and where the separator after it stands."""
    quoted = _QUOTED.match(text, at)
    if quoted is not None:
        return _ESCAPED.sub(_unescape, quoted["value"]), quoted.end()
    bare = _BARE.match(text, at)
    if bare is None or text.startswith('"', at):
        raise _Unreadable
    raw = bare["value"]
    if _HEX.fullmatch(raw.strip()):
        return _from_der(raw.strip()), bare.end()
    return _ESCAPED.sub(_unescape, _strip_unescaped(raw)), bare.end()


def _strip_unescaped(raw: str) -> str:
    stripped = raw.rstrip()
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + raw[len(stripped) : len(stripped) + 1] if backslashes % 2 else stripped


def _slash_rdns(text: str) -> Iterator[tuple[Attribute, ...]]:
    """RDNs of a slash form, split only where an attribute type follows: values hold bare slashes."""
    rdn: list[Attribute] = []
    heads = [match for match in _SLASHED.finditer(text) if match.start() == 0 or _splits(match)]
    for head, after in zip(heads, [*heads[1:], None], strict=True):
        raw = text[head.end() : after.start() if after else len(text)]
        rdn.append(Attribute(_type(_SLASH_ESCAPED.sub(_unescape, head["type"])), _SLASH_ESCAPED.sub(_unescape, raw)))
        if after is None or after["separator"] == "/":
            yield tuple(rdn)
            rdn = []


def _splits(match: re.Match[str]) -> bool:
    """Whether a separator is one: ``/path=1`` is part of a value, because OpenSSL prints types that it does
    not know as numbers. Ours are printed with their first letter escaped."""
    if match.string[match.start() - 1] == "\\":
        return False
    type_ = match["type"]
    return type_.lower() in _OIDS or "." in type_ or type_.startswith("\\")


def _type(written: str) -> str:
    name = written.lower()
    return _OIDS.get(name, name.removeprefix("oid."))


def _unescape(match: re.Match[str]) -> str:
    if match["char"] is not None:
        return match["char"]
    return _from_bytes(bytes.fromhex(match[0].replace("\\x", "").replace("\\", "")))


def _from_bytes(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _from_der(text: str) -> str:
    """The string inside ``#0C03666F6F``; anything that is no DER string stays as it is written."""
    der = bytes.fromhex(text[1:])
    encoding = _DER_STRINGS.get(der[0])
    short = 2 <= len(der) == 2 + der[1] < 0x82
    if encoding is None or not short:
        return text.lower()
    try:
        return der[2:].decode(encoding)
    except UnicodeDecodeError:
        return text.lower()


def _as_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else _from_bytes(value)


def _slash_name(type_: str) -> str:
    if type_ in _NAMES or type_[0].isdigit():
        return _NAMES.get(type_, type_)
    return f"\\x{ord(type_[0]):02X}{type_[1:]}"


def _hex_escape(match: re.Match[str]) -> str:
    return f"\\{ord(match[0]):02X}"


def _escape(value: str) -> str:
    """Blanks at the ends are printed as ``\\20``, which survives whoever strips the text."""
    if _HARMLESS.fullmatch(value):
        return value
    escaped = _CONTROL.sub(_hex_escape, re.sub(r'([,+"\\<>;])', r"\\\1", value))
    return re.sub(r"^#", r"\\#", re.sub(r"^ | $", r"\\20", escaped))


def _escape_slash(value: str) -> str:
    escaped = re.sub(r"([/+])", r"\\\1", value.replace("\\", "\\x5C"))
    return _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02X}", escaped)


def _quote(value: str) -> str:
    if not re.search(r'[,+"\\<>;]|^[# ]| $', value):
        return _CONTROL.sub(_hex_escape, value)
    inner = re.sub(r'(["\\])', r"\\\1", value)
    return f'"{_CONTROL.sub(_hex_escape, inner)}"'
