"""Syslog as bytes: whose a message is, and where one ends on a stream. Pure.

A message goes to the scanner as it came: its signatures accept any prefix, and a header's time is the line's
where the line has none. So only the host is read out of it, for messages that a relay passes on.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from retrust.logs import zone_of

RELAYS = 4
"""How many headers one before the other are read: each relay may put its own before what it got."""

_PRI = rb"(?:\xef\xbb\xbf)?(?:<\d{1,3}> ?)?"
_ISO = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d:.,+Zz-]*"
_NAMED = rb"(?:\d{4} )?[A-Z][a-z]{2} {1,2}\d{1,2}(?: \d{4})? \d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_STAMP = rb"(?:" + _NAMED + rb"|" + _ISO + rb")"
_HOST = rb"(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.:@/-]+)"
_RFC5424 = re.compile(_PRI + rb"\d{1,2} (?:-|" + _ISO + rb") " + _HOST + rb" \S+ \S+ \S+ (?:- |(?:\[[^\]]*\]){1,9} )?")
_RFC5424_LOOSE = re.compile(rb"<\d{1,3}>\d{1,2} \S+ " + _HOST + rb" ")
_CISCO = re.compile(  # <189>seq: host: seq: *Mar 14 09:26:53.589 CET: %…, of which some are missing
    _PRI + rb"(?=\d+: |[\w.-]+(?: RP/[\w/]+)?:|[*.])(?:\d+: )?(?:(?P<host>(?!\d+:)[\w.-]+)(?: RP/[\w/]+)?: ?)?"
    rb"(?:\d+: )?[*.]?" + _STAMP + rb"(?: \w+)?: "
)
_RFC3164 = re.compile(_PRI + _STAMP + rb"(?: (?P<zone>[A-Z]{1,5})(?= ))?:? " + _HOST + rb"(?: ?: (?=%)| |\Z)")
_TAGGED = re.compile(rb"[\w./-]+(?:\[[^\]]*\])?: ")
_LEVELS = frozenset((b"TRACE", b"DEBUG", b"INFO", b"WARN", b"WARNING", b"ERROR", b"FATAL", b"SEVERE"))
_COUNTED = re.compile(rb"([1-9]\d{0,7}) (?=<)")
_MAY_BE_COUNTED = re.compile(rb"\d{0,8} ?")


def host_of(message: bytes) -> str | None:
    """The host that the header names, the innermost of several; None where there is none."""
    host, at = None, 0
    for _ in range(RELAYS):
        found = _header(message, at)
        if found is None:
            break
        host, at = found[0] or host, found[1]
    return host


def _header(message: bytes, at: int) -> tuple[str | None, int] | None:
    """The host that the header at ``at`` names, and where the header ends; None where there is no header."""
    if match := _RFC5424.match(message, at) or _RFC5424_LOOSE.match(message, at):
        return _name(match["host"]), match.end()
    if match := _CISCO.match(message, at):
        return _name(match["host"]), match.end()
    match = _RFC3164.match(message, at)
    if match is None:
        return None
    host = match["host"]
    if match["zone"] and zone_of(match["zone"]) is None:
        host, end = match["zone"], match.end("zone") + 1
    else:
        end = match.end()
    if at and not message.startswith(b"<", at) and (host in _LEVELS or not _TAGGED.match(message, end)):
        return None  # the line's own time, not a header
    is_tag = host.endswith(b":") and not message.startswith(b"%", end)
    return (None if is_tag else _name(host.removesuffix(b":"))), end


def _name(host: bytes | None) -> str | None:
    """Without the marks of syslog-ng's chain of hosts (``source@host/relay``) and of an IPv6 address."""
    if host is None or host == b"-":
        return None
    return host.decode("ascii", errors="replace").rpartition("@")[2].partition("/")[0].strip("[]")


class Piece(NamedTuple):
    """A message, or a part of a long one; ``ends`` is set on the last part of each."""

    data: bytes
    ends: bool


class Frames:
    """Messages on a stream: octet-counted, or ended by a newline or a zero, as each is (RFC 6587).

    A long message is given in parts, so that a line of any length costs no memory.
    """

    def __init__(self, part: int = 64 * 1024) -> None:
        self._part = part
        self._left = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Piece]:
        """The messages, and parts of one, that are complete with ``data``."""
        self._buffer += data
        found: list[Piece] = []
        start = 0
        while (taken := self._take(start, found)) is not None:
            start = taken
        del self._buffer[:start]
        return found

    def _take(self, start: int, found: list[Piece]) -> int | None:
        """Where to go on; None when more must come first."""
        if self._left:
            return self._take_counted(start, found)
        if match := _COUNTED.match(self._buffer, start):
            self._left = int(match[1])
            return match.end()
        if _MAY_BE_COUNTED.fullmatch(self._buffer, start):
            return None
        end = self._end(start)
        if end < 0 and len(self._buffer) - start < self._part:
            return None
        end = end if end >= 0 else len(self._buffer)
        found.append(Piece(bytes(self._buffer[start:end]), ends=end < len(self._buffer)))
        return min(end + 1, len(self._buffer))

    def _end(self, start: int) -> int:
        newline = self._buffer.find(b"\n", start)
        zero = self._buffer.find(b"\0", start, newline if newline >= 0 else len(self._buffer))
        return zero if zero >= 0 else newline

    def _take_counted(self, start: int, found: list[Piece]) -> int | None:
        have = len(self._buffer) - start
        if have < min(self._left, self._part):
            return None
        taken = min(self._left, have)
        self._left -= taken
        found.append(Piece(bytes(self._buffer[start : start + taken]), ends=not self._left))
        return start + taken

    def rest(self) -> Piece:
        """What came after the last end, when the stream is over."""
        return Piece(bytes(self._buffer), ends=True)
