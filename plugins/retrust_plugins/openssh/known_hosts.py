"""The text of a ``known_hosts`` file: its lines as OpenSSH reads them, its pins, and exact changes of single lines.

Pure; sshd(8) has the format, and OpenSSH's own client is asked in the tests. Lines are handled byte for byte. Whatever
is no plain entry, an authority, a revoked key, a comment, a pattern, a line that cannot be read, stays as it is.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from retrust.models import Pin

AUTHORITY, REVOKED = "@cert-authority", "@revoked"
_FIELDS = re.compile(r"(?P<hosts>[^ \t]+)[ \t]+(?P<type>[^ \t#][^ \t]*)[ \t]+(?P<key>[^ \t]+)")
_SIGNATURES = re.compile(r"^rsa-sha2-(256|512)|^webauthn-(?=sk-)")


def name_at(host: str, port: int = 22) -> str:
    """A server's name as OpenSSH looks it up: with the port where that is not 22."""
    try:
        host = ipaddress.ip_address(host).compressed
    except ValueError:
        host = host.lower()
    return host if port == 22 else f"[{host}]:{port}"


def type_of(algorithm: str) -> str:
    """The type of key that a signature's algorithm uses; a certificate's is another type than its key's."""
    return _SIGNATURES.sub(lambda found: "ssh-rsa" if found[1] else "", algorithm)


@dataclass(frozen=True)
class HostLine:
    """One line: ``hosts`` as written, ``marker`` as ``@revoked`` or empty. ``blob`` is the public key."""

    line: str
    marker: str
    hosts: str
    key_type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    def covers(self, name: str) -> bool:
        """Whether OpenSSH uses this line for the name, given as ``name_at`` writes it."""
        if self.hosts.startswith("|"):
            return hashed_name(self.hosts, (name,)) is not None
        if not self.has_pattern:
            return name in self.names
        fitting = [pattern for pattern in self.names if _fits(pattern.removeprefix("!"), name)]
        return bool(fitting) and not any(pattern.startswith("!") for pattern in fitting)

    @property
    def names(self) -> list[str]:
        return self.hosts.lower().split(",")

    @property
    def has_pattern(self) -> bool:
        return any(sign in self.hosts for sign in "*?!")

    def with_key(self, key_type: str, blob: bytes) -> str:
        """This line with another key in the place of its own."""
        return _with_key(self.line, self, key_type, blob)


def _with_key(line: str, entry: HostLine, key_type: str, blob: bytes) -> str:
    before, _, after = line.partition(b64encode(entry.blob).decode())
    head = before[: before.rindex(entry.key_type)]
    between = before[len(head) + len(entry.key_type) :]
    return f"{head}{key_type}{between}{b64encode(blob).decode()}{after}"


def fingerprint(blob: bytes) -> str:
    """The design's fingerprint of a public key: ``SHA256:`` and lower-case hex."""
    return "SHA256:" + hashlib.sha256(blob).hexdigest()


def as_openssh_prints(fingerprint: str) -> str:
    """The same fingerprint as ``ssh-keygen -l`` shows it, for a person who compares."""
    digest = bytes.fromhex(fingerprint.removeprefix("SHA256:"))
    return "SHA256:" + b64encode(digest).decode().rstrip("=")


def subject(key_type: str, fingerprint: str) -> str:
    """What stands for a certificate's subject. A known_hosts line holds the key, so two that differ differ here."""
    return f"CN={fingerprint},OU={key_type}"


@lru_cache(maxsize=2**17)
def hashed_name(listed: str, names: tuple[str, ...]) -> str | None:
    """Which of the names this is the hash of. Each line has a salt of its own, so that each asks for all of them."""
    try:
        salt, digest = (b64decode(part, validate=True) for part in listed.removeprefix("|1|").split("|"))
    except ValueError:
        return None
    if len(salt) != len(digest):
        return None
    # HMAC-SHA1 is the file format's; it hides names and protects nothing here.
    return next((name for name in names if hmac.digest(salt, name.encode(), "sha1") == digest), None)


def _fits(pattern: str, name: str) -> bool:
    """OpenSSH's patterns: ``*`` is any text, ``?`` any one character, all else is itself."""
    at = tried = resume = 0
    star = -1
    while at < len(name):
        if tried < len(pattern) and pattern[tried] == "*":
            star, resume, tried = tried, at, tried + 1
        elif tried < len(pattern) and pattern[tried] in ("?", name[at]):
            at, tried = at + 1, tried + 1
        elif star >= 0:
            resume += 1
            at, tried = resume, star + 1
        else:
            return False
    return not pattern[tried:].strip("*")


@dataclass
class Listing:
    """The lines of a client's files, in their order, found by name: in one look where names are written out.

    ``unread`` are the numbers of the lines that are no known_hosts lines.
    """

    lines: tuple[HostLine, ...]
    unread: tuple[int, ...] = ()
    _written: dict[str, list[int]] = field(default_factory=dict)
    _others: list[int] = field(default_factory=list)
    _found: dict[str, tuple[HostLine, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, entry in enumerate(self.lines):
            if entry.has_pattern or entry.hosts.startswith("|"):
                self._others.append(number)
            else:
                for name in entry.names:
                    self._written.setdefault(name, []).append(number)

    @property
    def entries(self) -> tuple[HostLine, ...]:
        """Every plain line once; one that is there twice says nothing more."""
        return tuple({entry.line: entry for entry in self.lines if not entry.marker}.values())

    def covering(self, name: str) -> tuple[HostLine, ...]:
        """The lines that OpenSSH uses for this name, in the order of the files."""
        if name not in self._found:
            others = (number for number in self._others if self.lines[number].covers(name))
            self._found[name] = tuple(self.lines[number] for number in sorted({*self._written.get(name, ()), *others}))
        return self._found[name]


def parse(content: bytes) -> Listing:
    """Every line that OpenSSH can read."""
    lines, unread = [], []
    for number, raw in enumerate(content.split(b"\n"), 1):
        line = _text(raw)
        if not line.strip(" \t") or line.lstrip(" \t").startswith("#"):
            continue
        if entry := _parse_line(line):
            lines.append(entry)
        else:
            unread.append(number)
    return Listing(tuple(lines), tuple(unread))


def _text(raw: bytes) -> str:
    """A line without blanks and its end. Bytes that are no UTF-8 are written out; the file keeps its own."""
    return raw.removesuffix(b"\r").rstrip(b" \t").decode(errors="backslashreplace")


def _parse_line(line: str) -> HostLine | None:
    text = line.partition("\0")[0].lstrip(" \t")
    marker = ""
    if text.startswith("@"):
        # As OpenSSH does: the first blank ends the marker, a tab only where the line has no blank.
        marker, _, text = text.partition(" " if " " in text else "\t")
        text = text.lstrip(" \t")
        if marker not in (AUTHORITY, REVOKED) or text.startswith("@"):
            return None
    fields = _FIELDS.match(text)
    if fields is None:
        return None
    key_type, encoded = fields["type"], fields["key"]
    try:
        blob = b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        return None
    if b64encode(blob).decode() != encoded or not blob.startswith(_string(type_of(key_type))):
        return None
    return HostLine(line, marker, fields["hosts"], key_type, blob)


def _string(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def key_type_of(blob: bytes) -> str:
    return blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii", errors="replace")


def pins(holder: str, entries: Iterable[HostLine], known: dict[str, str]) -> Iterator[Pin]:
    """Entries as pins. A key is the hosts as listed and the key's type, which a change of the key leaves alone.

    Where several lines share both, the key itself is added. ``known`` keeps the keys given to lines before,
    so that no pin changes its name under a plan that is being carried out.
    """
    entries = tuple(entries)
    plain = [f"{entry.hosts} {entry.key_type}" for entry in entries]
    times = Counter(plain)
    for entry, key in zip(entries, plain, strict=True):
        if times[key] > 1:
            key = f"{key} {as_openssh_prints(entry.fingerprint)}"
        yield Pin(
            holder=holder,
            key=known.setdefault(entry.line, key),
            line=entry.line,
            subject=subject(type_of(entry.key_type), entry.fingerprint),
            fingerprint=entry.fingerprint,
        )


@dataclass(frozen=True)
class Change:
    """What is to be written so that one line takes another's place: ``append``, then bytes over as many others.

    ``over`` holds an offset, what stands there, and what comes there.
    """

    append: bytes = b""
    over: tuple[tuple[int, bytes, bytes], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.append or self.over)

    def applied(self, content: bytes) -> bytes:
        for offset, old, new in self.over:
            content = content[:offset] + new + content[offset + len(old) :]
        return content + self.append


PAGE = 4096


def change(content: bytes, old: str, new: str) -> Change:
    """How ``new`` takes the place of ``old``, without moving a byte of any other line.

    It is written over the old line, with blanks at its end where it is shorter. A longer one is appended, and the old
    one is then made blank; so is every further old one. Whoever appends to the file meanwhile is not disturbed. One
    that crosses a page is appended, too: pages are written one after the other, and a reader could meet half a line.
    """
    if old == new:
        return Change()
    was, comes = (parse(line.encode()).lines[0] for line in (old, new))
    lines = content.split(b"\n")
    placed = any(_text(raw) == new for raw in lines)
    append, over, offset = b"", [], 0
    for raw in lines:
        if _text(raw) == old:
            end = raw[len(raw.removesuffix(b"\r")) :]
            written = _with_key(raw.decode("latin-1"), was, comes.key_type, comes.blob).encode("latin-1")
            in_one_page = offset // PAGE == (offset + len(raw) - 1) // PAGE
            if not placed and (len(written) > len(raw) or not in_one_page):
                append = b"\n" * (content[-1:] != b"\n") + written + b"\n"
            stays = b"" if placed or append else written.removesuffix(b"\r")
            over.append((offset, raw, stays.ljust(len(raw) - len(end)) + end))
            placed = True
        offset += len(raw) + 1
    return Change(append, tuple(over))
