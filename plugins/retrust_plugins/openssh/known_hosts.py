"""The text of a ``known_hosts`` file: its pins, and exact changes of single lines. Pure; sshd(8) has the format.

Lines are handled byte for byte. Whatever is no plain entry, an authority, a revoked key, a comment, a
pattern, a line that cannot be read, comes out as it went in.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from retrust.models import Pin


@dataclass(frozen=True)
class Entry:
    """One line: ``hosts`` as written, ``marker`` as ``@revoked`` or empty. ``blob`` is the public key."""

    line: str
    marker: str
    hosts: str
    key_type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    def names_only(self, known: Sequence[str]) -> bool:
        """Whether each of its names, hashed or plain, is one of these (``host`` or ``[host]:port``)."""
        return all(any(_is(listed, name) for name in known) for listed in self.hosts.split(","))

    def with_key(self, key_type: str, blob: bytes) -> str:
        """This line with another key in the place of its own."""
        before, _, after = self.line.partition(b64encode(self.blob).decode())
        head = before[:before.rindex(self.key_type)]
        between = before[len(head) + len(self.key_type):]
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


def _is(listed: str, name: str) -> bool:
    if not listed.startswith("|1|"):
        return listed.lower() == name.lower()
    try:
        salt, digest = (b64decode(part, validate=True) for part in listed[3:].split("|"))
    except ValueError:
        return False
    # HMAC-SHA1 is the file format's; it hides names and protects nothing here.
    return hmac.compare_digest(hmac.digest(salt, name.lower().encode(), "sha1"), digest)


@dataclass(frozen=True)
class Listing:
    """What a file holds. ``unread`` are the numbers of the lines that are no known_hosts lines."""

    entries: tuple[Entry, ...]
    revoked: tuple[Entry, ...]
    unread: tuple[int, ...]


def parse(content: bytes) -> Listing:
    """Every entry once, in the order of the file; a line that is there twice says nothing more."""
    entries: dict[str, Entry] = {}
    revoked, unread = [], []
    for number, raw in enumerate(content.split(b"\n"), 1):
        line = _text(raw)
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = _parse_line(line)
        if entry is None:
            unread.append(number)
        elif entry.marker == "@revoked":
            revoked.append(entry)
        elif not entry.marker:
            entries[line] = entry
    return Listing(tuple(entries.values()), tuple(revoked), tuple(unread))


def _text(raw: bytes) -> str:
    """A line without its end. Bytes that are no UTF-8 are written out; the file keeps its own."""
    return raw.removesuffix(b"\r").decode(errors="backslashreplace")


def _parse_line(line: str) -> Entry | None:
    fields = line.split(None, 4)
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    if len(fields) < 3:
        return None
    hosts, key_type, encoded = fields[:3]
    try:
        blob = b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        return None
    if b64encode(blob).decode() != encoded or not blob.startswith(_string(key_type)):
        return None
    return Entry(line, marker, hosts, key_type, blob)


def _string(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def pins(holder: str, entries: Iterable[Entry], known: dict[str, str]) -> Iterator[Pin]:
    """Entries as pins. A key is the hosts as listed and the key's type, which a change of the key leaves alone.

    Where several lines share both, the key itself is added. ``known`` keeps the keys given to lines before,
    so that no pin changes its name under a plan that is being carried out.
    """
    entries = tuple(entries)
    plain = [f"{entry.hosts} {entry.key_type}" for entry in entries]
    for entry, key in zip(entries, plain, strict=True):
        if plain.count(key) > 1:
            key = f"{key} {as_openssh_prints(entry.fingerprint)}"
        yield Pin(holder=holder, key=known.setdefault(entry.line, key), line=entry.line,
                  subject=subject(entry.key_type, entry.fingerprint))


def replace_line(content: bytes, old: str, new: str) -> bytes:
    """The file with ``new`` where ``old`` stood; where ``new`` is there already, ``old`` is left out."""
    lines = content.split(b"\n")
    placed = any(_text(raw) == new for raw in lines)
    kept = []
    for raw in lines:
        if _text(raw) != old:
            kept.append(raw)
        elif not placed:
            kept.append(new.encode() + (b"\r" if raw.endswith(b"\r") else b""))
            placed = True
    return b"\n".join(kept)
