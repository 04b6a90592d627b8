"""Times as logs write them: ISO 8601, Java's ``MM/dd/yy HH:mm:ss.SSS``, and syslog's ``Jan  5 10:00:00``.

A time without a zone is read in the zone given, or this machine's; a syslog time, which has no year either,
is the latest that is not in the future.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_CLOCK = rb"(\d\d):(\d\d):(\d\d)"
_TIME = re.compile(
    rb"(?P<iso>(?<!\d)(\d{4})-(\d\d)-(\d\d)[T ]" + _CLOCK + rb"(?:[.,](\d{1,9}))?"
    rb"(?: ?(?P<zone>Z|[+-]\d\d:?\d\d))?)"
    rb"|(?P<java>(?<!\d)(\d\d)/(\d\d)/(\d{4}|\d\d) " + _CLOCK + rb"(?:[.,:](\d{1,9}))?)"
    rb"|(?P<syslog>(" + b"|".join(_MONTHS) + rb") ([ \d]?\d) " + _CLOCK + rb")")
_DAY = timedelta(days=1)


def read_timestamp(text: bytes, *, zone: tzinfo | None = None, now: datetime | None = None) -> datetime | None:
    """The last time in ``text``, which is the innermost of nested prefixes; None where there is none."""
    times = list(_TIME.finditer(text))
    if not times:
        return None
    last = times[-1]
    try:
        if last["syslog"] is None:
            return _read(last[0], zone)
        month, day, *clock = last.groups()[18:23]
        return _latest(_MONTHS.index(month) + 1, int(day), clock, zone, now or datetime.now(UTC))
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=1024)
def _read(text: bytes, zone: tzinfo | None) -> datetime:
    """A time with its date; in a storm the same one comes many times over."""
    match = _TIME.fullmatch(text)
    assert match is not None
    groups = match.groups()
    if match["iso"] is not None:
        year, month, day, *clock = groups[1:7]
        return _aware(int(year), int(month), int(day), clock, groups[7], _zone(match["zone"]) or zone)
    month, day, year, *clock = groups[10:16]
    whole = int(year) if len(year) == 4 else 2000 + int(year)
    return _aware(whole, int(month), int(day), clock, groups[16], zone)


def _latest(month: int, day: int, clock: list[bytes], zone: tzinfo | None, now: datetime) -> datetime | None:
    for year in (now.year + 1, now.year, now.year - 1):
        if month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400)):
            continue
        at = _aware(year, month, day, clock, None, zone)
        if at <= now + _DAY:
            return at
    return None


def _aware(year: int, month: int, day: int, clock: list[bytes], fraction: bytes | None,
           zone: tzinfo | None) -> datetime:
    hour, minute, second = map(int, clock)
    micro = int(fraction[:6].ljust(6, b"0")) if fraction else 0
    at = datetime(year, month, day, hour, minute, min(second, 59), micro, tzinfo=zone)
    return at.astimezone(UTC)


def _zone(text: bytes | None) -> tzinfo | None:
    if text is None:
        return None
    if text == b"Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text.startswith(b"-") else offset)
