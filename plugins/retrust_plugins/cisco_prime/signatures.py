"""What a TOFU mismatch looks like in Prime's logs, and reading one from whatever carried the log here.

One event says its sentence up to three times: once after ``[thread] TOFU failed. Check local trust``, and
again in the messages of the exceptions that follow. It may come with a prefix on every line, wrapped inside
words, or on one line with its line ends escaped, as JSON and rsyslog send it. Searching is the scanner's
(``retrust.logs.scanner``); which pin an event is about is found by its DN and role, elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple

from retrust.logs import read_timestamp
from retrust.signatures import CUT, EXCERPT, LogSignature, Match, Reading, Window
from retrust.x509 import DistinguishedName
from retrust_plugins.cisco_prime.logged_dn import read_dn

ANCHOR = b"Current certificate of the remote host is different"
LEAD = 1024
"""How far before its sentence an event may begin."""
TAIL = 2048
"""How far after the anchor its DN may end."""
QUIET = 4096
"""An event is over when this much came without a repetition of it; stack traces lie between them."""
REACH = 8 * 1024
SENTENCES = 3

_BLANKS = b" \t\r\n"
_HEADS = (b"TOFUfailed", b"Checklocaltrust")
_ROLE = re.compile(
    rb"\[(?:(HealthMonitorThread)|seqtaskexecutor-\d+)\]"
    rb"[^\n]{0,200}?(?:TOFU failed|Check local trust|\Z)"
)
_WRAPPED_ROLE = re.compile(rb"\[(?:(HealthMonitorThread)|seqtaskexecutor-\d+)\].{0,40}?TOFUfailed", re.DOTALL)
_START = re.compile(rb"TOFU failed|Check local trust")
_COLOUR = re.compile(rb"(?:#033|\\{1,8}(?:033|x1b|u001b))\[[0-9;]*[mK]")
"""A terminal's escape that the carrier has written out."""
_LEVEL = re.compile(rb"(?:[^\n]* )?[^\s:\[\]<>0-9]{2,24} ?: ")
_JUL_HEAD = re.compile(rb"[^\n]* [A-Za-z_$][\w$]*(?:\.[\w$]+)+(?: [\w$<>]+)?\s*\n\Z")
"""The first of the two lines of java.util.logging's default, which ends in class and method."""
LIMITS = frozenset((480, 1024, 2048, 4096, 8192))
"""How long a line is that a syslog relay cut."""
LONGEST = max(LIMITS)


class _Sentence(NamedTuple):
    """One occurrence of the sentence: whether it opens an event or repeats one, and its DN."""

    lead: int
    anchor: int
    end: int
    opens: bool
    repeats: bool
    dn: str | None


class _Event:
    """An event: the sentence that it began with, and what its repetitions added."""

    __slots__ = ("count", "dn", "end", "first")

    def __init__(self, first: _Sentence) -> None:
        self.first, self.end, self.dn, self.count = first, first.end, first.dn, 1

    def takes(self, other: _Sentence) -> bool:
        """Take ``other`` in as one more saying of this event, if it can be one."""
        if not self.first.opens or self.count >= SENTENCES or other.anchor - self.end >= REACH:
            return False
        fuller = _fuller(self.dn, other.dn)
        if isinstance(fuller, _Conflict):
            return False
        self.dn, self.end, self.count = fuller, other.end, self.count + 1
        return True


@dataclass(frozen=True)
class TofuMismatch(LogSignature):
    """The signature; ``zone`` is that of times without one, by default this machine's."""

    name: str = "cisco-prime-tofu-mismatch"
    anchor: bytes = ANCHOR
    zone: tzinfo | None = None

    def read(self, window: Window) -> Reading:
        if any(mark in window.data for mark in (b"033[", b"1b[")):
            window = window._replace(data=_COLOUR.sub(lambda m: b" " * len(m[0]), window.data))
        over = len(window.data) if window.final else len(window.data) - QUIET
        matches: list[Match] = []
        for event in _events(window.data, window.fresh):
            if event.end > over:
                return Reading(matches, event.first.anchor)
            matches.append(self._match(window, event))
        return Reading(matches, len(window.data))

    def _match(self, window: Window, event: _Event) -> Match:
        data, first = window.data, event.first
        lead = data[first.lead : first.anchor]
        head = _START.search(lead) if first.opens else None
        at = first.lead + head.start() if head else first.anchor
        start = data.rfind(b"\n", max(0, at - EXCERPT), at) + 1 or max(0, at - EXCERPT)
        return Match(
            signature=self.name,
            dn=event.dn,
            role=_role(lead),
            at=self._time(data, start, at),
            text=data[start : min(event.end, start + 4 * EXCERPT)].decode(errors="replace")[:EXCERPT],
            offset=window.offset + start,
        )

    def _time(self, data: bytes, start: int, at: int) -> datetime | None:
        """That of the line; of the line before where the two are one record."""
        if data.find(b": ", start, at) >= 0 and _LEVEL.match(data, start, at):
            before = data[data.rfind(b"\n", max(0, start - EXCERPT), max(0, start - 1)) + 1 : start]
            if _JUL_HEAD.match(before) and (found := read_timestamp(before, zone=self.zone)):
                return found
        return read_timestamp(data[start:at], zone=self.zone)


TOFU_MISMATCH = TofuMismatch()


def _events(data: bytes, fresh: int, stop: int | None = None) -> list[_Event]:
    """Sentences from ``fresh`` on, put together; what repeats an event reported before is left out."""
    events: list[_Event] = []
    earlier: list[_Event] | None = None
    for sentence in _sentences(data, fresh, len(data) if stop is None else stop):
        if sentence.repeats:
            if _taken(events, sentence):
                continue
            earlier = _events(data, 0, fresh) if earlier is None and fresh else earlier or []
            if _taken(earlier, sentence):
                continue
        events.append(_Event(sentence))
    return events


def _taken(events: list[_Event], sentence: _Sentence) -> bool:
    """Whether one of the latest events takes the sentence; those of two threads may interleave."""
    return bool(events) and any(event.takes(sentence) for event in events[-1:-5:-1])


def _sentences(data: bytes, fresh: int, stop: int) -> Iterator[_Sentence]:
    before = data.rfind(ANCHOR, 0, fresh)
    after_last = 0 if before < 0 else before + len(ANCHOR)
    at = data.find(ANCHOR, fresh)
    while 0 <= at < stop:
        after = at + len(ANCHOR)
        following = _next_anchor(data, after)
        lead = max(after_last, at - LEAD)
        opens, repeats = _kind(data[lead:at])
        column = after - data.rfind(b"\n", lead, at) - 1
        dn, length = read_dn(data[after : min(after + TAIL, following if following >= 0 else len(data))], column)
        if dn is not None and _ends_at_a_limit(data, at, after + length):
            dn = dn.removesuffix(CUT) + CUT
        yield _Sentence(lead, at, after + length, opens, repeats, dn)
        after_last, at = after, following


def _ends_at_a_limit(data: bytes, start: int, end: int) -> bool:
    """Whether the name ends its line, and the line has just the length at which senders cut."""
    return end - data.rfind(b"\n", max(0, start - LONGEST), start) - 1 in LIMITS and data[end : end + 1] in (b"\n", b"")


def _next_anchor(data: bytes, start: int) -> int:
    """Where the next anchor is; in a storm it is near, and a short search spares a long one's preparation."""
    near = data.find(ANCHOR, start, start + TAIL)
    return near if near >= 0 else data.find(ANCHOR, start + TAIL - len(ANCHOR))


def _kind(lead: bytes) -> tuple[bool, bool]:
    """(opens an event, repeats one); a bare sentence does neither, and is an event of its own."""
    if lead.rfind(b"Check local trust") > lead.rfind(b"ception:"):
        return True, False
    squeezed = lead.translate(None, _BLANKS)
    head = max(squeezed.rfind(words) for words in _HEADS)
    exception = squeezed.rfind(b"Exception:")
    return head > exception, exception > head


def _role(lead: bytes) -> str | None:
    role = _ROLE.search(lead) or _WRAPPED_ROLE.search(lead.translate(None, _BLANKS))
    if role is None:
        return None
    return "peer" if role[1] else "ise"


class _Conflict:
    """Two sentences name different certificates."""


_CONFLICT = _Conflict()


def _fuller(one: str | None, other: str | None) -> str | _Conflict | None:
    """The DN that says more, of two that one event can have said."""
    if one == other or other is None:
        return one
    if one is None or other.startswith(f"{one}, "):
        return other
    if one.startswith(f"{other}, "):
        return one
    for whole, cut in ((one, other), (other, one)):
        if cut.endswith(CUT) and whole.startswith(cut[:-1].rstrip()):
            return whole
    first, second = _parsed(one), _parsed(other)
    if first.covers(second):
        return one
    return other if second.covers(first) else _CONFLICT


@lru_cache(maxsize=256)
def _parsed(dn: str) -> DistinguishedName:
    return DistinguishedName.parse(dn)
