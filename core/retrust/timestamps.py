"""Times as logs write them: ISO 8601, Java's ``MM/dd/yy HH:mm:ss.SSS``, and syslog's ``Jan  5 10:00:00``.

A time without a zone is read in the zone given, or this machine's; a syslog time, which has no year either,
is the latest that is not in the future.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")

# All three forms start with one class of characters, which makes the search several times faster than
# an alternation would; which of them it is, the separators tell afterwards.
_TIME = re.compile(
    rb"[0-9A-Z](?:[0-9]{3}-[0-9]{2}-[0-9]{2}|[0-9]/[0-9]{2}/(?:[0-9]{4}|[0-9]{2})|[a-z]{2} [ 0-9]?[0-9])[T ]"
    rb"(?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?"
    rb"(?: ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2}))?")
_DAY = timedelta(days=1)


def read_timestamp(text: bytes, *, zone: tzinfo | None = None, now: datetime | None = None) -> datetime | None:
    """The last time in ``text``, which is the innermost of nested prefixes; None where there is none."""
    last = _last_time(text)
    if last is None:
        return None
    try:
        if last[:3] in _MONTHS:
            return _read_syslog(last, zone, now or datetime.now(UTC))
        return _read_dated(last, zone)
    except (ValueError, OverflowError):
        return None


def _last_time(text: bytes) -> bytes | None:
    last, at = None, 0
    while text.find(b":", at) >= 0 and (match := _TIME.search(text, at)) is not None:
        last, at = match[0], match.end()
    return last


@lru_cache(maxsize=1024)
def _read_dated(text: bytes, zone: tzinfo | None) -> datetime:
    """A time with its date; in a storm the same one comes many times over."""
    match = _TIME.fullmatch(text)
    assert match is not None
    date = text[:match.start("clock") - 1]
    if b"/" in date:
        month, day, year = map(int, date.split(b"/"))
        return _aware(year if year > 99 else 2000 + year, month, day, match, zone)
    year, month, day = map(int, date.split(b"-"))
    return _aware(year, month, day, match, _zone(match["zone"]) or zone)


def _read_syslog(text: bytes, zone: tzinfo | None, now: datetime) -> datetime | None:
    match = _TIME.fullmatch(text)
    assert match is not None
    month, day = _MONTHS.index(text[:3]) + 1, int(text[4:match.start("clock") - 1])
    for year in (now.year + 1, now.year, now.year - 1):
        if month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400)):
            continue
        at = _aware(year, month, day, match, zone)
        if at <= now + _DAY:
            return at
    return None


def _aware(year: int, month: int, day: int, match: re.Match[bytes], zone: tzinfo | None) -> datetime:
    hour, minute, second = map(int, match["clock"].split(b":"))
    fraction = match["fraction"]
    micro = int(fraction[:6].ljust(6, b"0")) if fraction else 0
    return datetime(year, month, day, hour, minute, min(second, 59), micro, tzinfo=zone).astimezone(UTC)


def _zone(text: bytes | None) -> tzinfo | None:
    if text is None:
        return None
    if text == b"Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text.startswith(b"-") else offset)
