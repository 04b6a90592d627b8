"""Syslog as bytes: whose a message is, and where one ends on a stream. Pure.

A message goes to the scanner as it came: its signatures accept any prefix, and a header's time is the line's
where the line has none. So only the host is read out of it, for messages that a relay passes on.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_RFC5424 = re.compile(rb"<\d{1,3}>\d{1,2} \S+ (?P<host>\S+) ")
_RFC3164 = re.compile(rb"(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) "
                      rb"(?P<host>[\w.:-]+) ")
_COUNTED = re.compile(rb"([1-9]\d{0,7}) (?=<)")
_MAY_BE_COUNTED = re.compile(rb"\d{0,8} ?")


def host_of(message: bytes) -> str | None:
    """The host that the header names, in either format; None where there is none."""
    match = _RFC5424.match(message) or _RFC3164.match(message)
    if match is None or match["host"] == b"-":
        return None
    return match["host"].decode("ascii", errors="replace")


class Piece(NamedTuple):
    """A message, or a part of a long one; ``ends`` is set on the last part of each."""

    data: bytes
    ends: bool


class Frames:
    """Messages on a stream: octet-counted or ended by a newline, as each begins (RFC 6587).

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
        end = self._buffer.find(b"\n", start)
        if end < 0 and len(self._buffer) - start < self._part:
            return None
        end = end if end >= 0 else len(self._buffer)
        found.append(Piece(bytes(self._buffer[start:end]), ends=end < len(self._buffer)))
        return min(end + 1, len(self._buffer))

    def _take_counted(self, start: int, found: list[Piece]) -> int | None:
        have = len(self._buffer) - start
        if have < min(self._left, self._part):
            return None
        taken = min(self._left, have)
        self._left -= taken
        found.append(Piece(bytes(self._buffer[start:start + taken]), ends=not self._left))
        return start + taken

    def rest(self) -> Piece:
        """What came after the last end, when the stream is over."""
        return Piece(bytes(self._buffer), ends=True)
