"""Times as log libraries, devices and carriers write them; one that has two meanings, or none, is None.

Every time but those since 1970 holds a clock: its date stands before it in one of a few forms, its zone (and in
some forms the year) behind it. A time without a zone is read in the zone given, or this machine's; one without a
year is the latest that is not in the future. Names of months and zones are in ``retrust.logs.timewords``.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import Enum
from functools import lru_cache

from retrust.logs.timewords import UNKNOWN, Unknown, half_of, month, zone_of

BEFORE = 48
"""How many bytes before a clock its date may begin."""
_DAY = timedelta(days=1)
_NAME = rb"(?:[A-Za-z\x80-\xff]{3,14}|\d{1,2}(?:\xe6\x9c\x88|\xec\x9b\x94))"
_YEAR = rb"(?:19|20)\d\d"

_BASIC = re.compile(rb"(?<!\d)(" + _YEAR + rb")(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(?!\d)")
_CLOCK = re.compile(rb"(?:(?<![\d:.])|(?<=/\d{4}:))(\d{1,2}):([0-5]\d):([0-6]\d)(?!\d)(?!:\d\d?(?!\d))")
# 2025-03-14, 20250314, 2025 Mar 14; 14 Mar 2025; three numbers of which the last may be the year; Mar 14, 2025.
_DATE = re.compile(
    rb"(?<!\d)(?:"
    rb"(?P<y1>" + _YEAR + rb")(?:(?P<s1>[-/.])(?P<m1>\d{1,2})(?P=s1)(?P<d1>\d{1,2})|(?P<m2>\d\d)(?P<d2>\d\d)"
    rb"|(?P<s3>[- /])(?P<n3>" + _NAME + rb")\.?(?P=s3)(?P<d3>\d{1,2}))"
    rb"|(?P<d4>\d{1,2})\.?(?P<s4>[- /])(?P<n4>" + _NAME + rb")\.?(?P=s4)(?P<y4>\d{4}|(?<=-)\d\d)"
    rb"|(?<![./-])(?P<a>\d{1,2})(?P<s5>[-/.])(?P<b>\d{1,2})(?P=s5)(?P<c>\d{4}|\d\d)"
    rb"|(?<![A-Za-z\x80-\xff])(?P<n6>" + _NAME + rb")\.? {1,2}(?P<d6>\d{1,2})(?:,? (?P<y6>" + _YEAR + rb"))?"
    rb")(?:[T_:,-]|,? {1,2}(?:(?:at|um|kl\.|\xc3\xa0) )?)\Z"
)
_AFTER = re.compile(
    rb"(?:(?:[.,](?P<fraction>\d{1,9})|:(?P<millis>\d{3}))(?!\d))?"
    rb"(?: ?(?P<half>[AaPp]\.? ?[Mm]\b\.?|(?i:vorm|nachm)\b\.?|[\x80-\xff][\x80-\xff.]+))?(?: o'clock)?"
    rb"(?: ?[\[(]?(?P<zone>Z(?!\w)|(?:(?:GMT|UTC)[+-]\d{1,2}|[+-]\d\d)(?::?\d\d)?(?![\w:.-])|[A-Z]{2,5}(?![\w.])"
    rb"|(?:[A-Z][a-z]+ ){2,3}Time\b|[A-Z][A-Za-z]+/[A-Z][A-Za-z_/+-]+))?"
    rb"(?: (?P<year>" + _YEAR + rb")(?![\w:/.-]))?"
)
_FOREIGN_HALF = re.compile(rb" ?[A-Za-z]{2,3}\.? ")
_FOREIGN_ZONE = re.compile(rb" ?[A-Za-z]{2,20}:")
_PRIMES = re.compile(rb" (?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL|\[)")
_EPOCH = re.compile(
    rb"(?:\A *(?:<\d{1,3}>)?[\[(]?|(?<!\w)(?:ts|time|timestamp)=\"?|(?<!\w)audit\()"
    rb"(\d{10}|\d{13}|\d{16}|\d{19})(?:\.(\d{1,9}))?(?=[\])\s,;|:\"]|\Z)"
)
_BOXED_EPOCH = re.compile(rb"[\[<](\d{13})[\]>]")


class _NoDate(Enum):
    HERE = "a clock that no date stands before"


_NO_DATE = _NoDate.HERE


def read_timestamp(text: bytes, *, zone: tzinfo | None = None, now: datetime | None = None) -> datetime | None:
    """The last time in ``text``, which is the innermost of nested prefixes; None where it is not known."""
    hour = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)  # so that answers can be kept
    return _last_time(text, zone, hour)


@lru_cache(maxsize=1024)
def _last_time(text: bytes, zone: tzinfo | None, now: datetime) -> datetime | None:
    """In a storm the same prefix comes many times over."""
    text = _plain(text)
    boxed = list(_BOXED_EPOCH.finditer(text))
    for clock in reversed(list(_CLOCK.finditer(text, boxed[-1].end() if boxed else 0))):
        found = _read(clock, zone, now)
        if found is not _NO_DATE:
            return found if isinstance(found, datetime) else None
    if boxed:
        return since_1970(int(boxed[-1][1]), now)
    led = _EPOCH.search(text)
    return since_1970(float(b".".join(filter(None, led.groups()))), now) if led else None


def since_1970(number: float, now: datetime) -> datetime | None:
    """A time in seconds, or thousandths, millionths or billionths of one, as its size tells; none of the far past
    or future."""
    seconds = abs(number)
    for _ in range(3):
        seconds = seconds / 1000 if seconds >= 1e11 else seconds
    if not 1e9 <= seconds <= (now + 366 * _DAY).timestamp() or number < 0:
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)


def _plain(text: bytes) -> bytes:
    """With ordinary blanks, and a date and clock without separators written with them."""
    if b"\xe2\x80\xaf" in text or b"\xc2\xa0" in text:
        text = text.replace(b"\xe2\x80\xaf", b" ").replace(b"\xc2\xa0", b" ")
    return _BASIC.sub(rb"\1-\2-\3T\4:\5:\6", text)


def _read(clock: re.Match[bytes], zone: tzinfo | None, now: datetime) -> datetime | _NoDate | None:
    day = _DATE.search(clock.string, max(0, clock.start() - BEFORE), clock.start())
    if day is None:
        return _NO_DATE
    name = day["n3"] or day["n4"] or day["n6"]
    if name is not None and month(name) is None:
        return _NO_DATE
    try:
        return _moment(day, clock, zone, now)
    except (ValueError, OverflowError):
        return None


def _moment(day: re.Match[bytes], clock: re.Match[bytes], zone: tzinfo | None, now: datetime) -> datetime | None:
    after = _AFTER.match(clock.string, clock.end())
    assert after is not None
    hour, place = _hour(day, clock, after), _zone(day, after)
    if hour is None or place is UNKNOWN:
        return None
    fraction = after["fraction"] or after["millis"] or b""
    of_day = hour, int(clock[2]), min(int(clock[3]), 59), int(fraction[:6].ljust(6, b"0"))
    times = {datetime(*found, *of_day, tzinfo=place or zone).astimezone(UTC) for found in _days(day, after, now)}
    if day["n6"] and not (day["y6"] or after["year"]):
        return max((at for at in times if at <= now + _DAY), default=None)
    return times.pop() if len(times) == 1 else None


def _hour(day: re.Match[bytes], clock: re.Match[bytes], after: re.Match[bytes]) -> int | None:
    """None where the half of the day is, or may be, written in a word that is not known."""
    hour = int(clock[1])
    if after["half"] is not None:
        half = half_of(after["half"])
        return hour % 12 + half if half is not None and 1 <= hour <= 12 else None
    may_be_half = day["y6"] and b"," in day[0] and 1 <= hour <= 12 and not after["zone"]
    return None if may_be_half and _FOREIGN_HALF.match(day.string, after.end()) else hour


def _zone(day: re.Match[bytes], after: re.Match[bytes]) -> tzinfo | Unknown | None:
    """None where no zone is written. Between brackets, and where Cisco's devices write it, any word is one."""
    text, cisco = day.string, day.string[: day.start()].rstrip()[-1:] in (b"*", b".", b":")
    if after["zone"] is None:
        return UNKNOWN if cisco and day["n6"] and _FOREIGN_ZONE.match(text, after.end()) else None
    zone = zone_of(after["zone"])
    ends = (b"]", b">", b":") if cisco else (b"]", b">")
    return UNKNOWN if zone is None and text[after.end() : after.end() + 1] in ends else zone


def _days(day: re.Match[bytes], after: re.Match[bytes], now: datetime) -> set[tuple[int, int, int]]:
    """The days that a date may mean: two where day and month may be exchanged, several where it has no year."""
    number = {name: int(value) for name, value in day.groupdict().items() if value and value.isdigit()}
    named = {name: month(day[name]) or 0 for name in ("n3", "n4", "n6") if day[name]}
    if "y1" in number:
        return {
            (
                number["y1"],
                number.get("m1") or number.get("m2") or named.get("n3", 0),
                number.get("d1") or number.get("d2") or number.get("d3", 0),
            )
        }
    if "n4" in named:
        return {(_full(number["y4"]), named["n4"], number["d4"])}
    if "n6" in named:
        year = number.get("y6") or int(after["year"] or 0)
        years = [year] if year else range(now.year - 8, now.year + 2)
        return {found for y in years if _exists(found := (y, named["n6"], number["d6"]))}
    a, b, c = number["a"], number["b"], number["c"]
    month_first, day_first = (_full(c), a, b), (_full(c), b, a)
    if day["s5"] == b".":
        return {day_first}
    if _as_prime_writes(day, after):
        return {month_first}
    year_first = {(_full(a), b, c)} if len(day["c"]) == 2 else set()
    return {found for found in {month_first, day_first} | year_first if _exists(found) and found[0] <= now.year + 1}


def _as_prime_writes(day: re.Match[bytes], after: re.Match[bytes]) -> bool:
    """``MM/dd/yy HH:mm:ss.SSS LEVEL``, which the appliance's logs are in."""
    return (
        day["s5"] == b"/"
        and [len(day[name]) for name in "abc"] == [2, 2, 2]
        and after["fraction"] is not None
        and len(after["fraction"]) == 3
        and _PRIMES.match(day.string, after.end("fraction")) is not None
    )


def _full(year: int) -> int:
    return year if year > 99 else 2000 + year


def _exists(found: tuple[int, int, int]) -> bool:
    try:
        date(*found)
    except ValueError:
        return False
    return True
