"""Times in log prefixes: what is recognised, in which zone, in which year."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust.timestamps import read_timestamp

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("text", "at"), [
    (b"2026-01-05T10:00:00Z", datetime(2026, 1, 5, 10, tzinfo=UTC)),
    (b"2026-01-05T10:00:00.5+0200 x", datetime(2026, 1, 5, 8, 0, 0, 500000, UTC)),
    (b"2026-01-05 10:00:00,123 -05:30", datetime(2026, 1, 5, 15, 30, 0, 123000, UTC)),
    (b"2026-01-05T10:00:00.123456789Z", datetime(2026, 1, 5, 10, 0, 0, 123456, UTC)),
    (b"01/05/26 10:00:00.123 ERROR", datetime(2026, 1, 5, 10, 0, 0, 123000, UTC)),
    (b"01/05/2026 10:00:00", datetime(2026, 1, 5, 10, tzinfo=UTC)),
    (b"<13>Jan  5 10:00:00 host ncs: ", datetime(2026, 1, 5, 10, tzinfo=UTC)),
    (b"Jan 05 10:00:00 host", datetime(2026, 1, 5, 10, tzinfo=UTC)),
    (b"Dec 31 23:59:59 host", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
    (b"Jan  6 01:00:00 host", datetime(2026, 1, 6, 1, tzinfo=UTC)),
    (b"Jan  5 10:00:00 host 01/05/26 09:59:59.000 ", datetime(2026, 1, 5, 9, 59, 59, tzinfo=UTC)),
    (b"2026-01-05T10:00:60Z", datetime(2026, 1, 5, 10, 0, 59, tzinfo=UTC)),
    (b"Feb 29 10:00:00 host", None), (b"13/45/26 10:00:00", None), (b"2026-13-01T10:00:00Z", None),
    (b"10:00:00", None), (b"", None), (b"\xff\xfe", None), (b"0000-01-01T00:00:00Z", None),
])
def test_times_are_recognised(text: bytes, at: datetime | None) -> None:
    """The last recognisable time of the text, aware, or none."""
    assert read_timestamp(text, zone=UTC, now=NOW) == at


def test_a_leap_day_belongs_to_the_last_leap_year() -> None:
    """A syslog time without a year is never refused for a year that has no such day."""
    at = read_timestamp(b"Feb 29 10:00:00 h", zone=UTC, now=datetime(2024, 6, 1, tzinfo=UTC))
    assert at == datetime(2024, 2, 29, 10, tzinfo=UTC)


def test_the_zone_is_for_times_without_one() -> None:
    """A stated zone wins over the given one."""
    zone = timezone(timedelta(hours=9))
    assert read_timestamp(b"2026-01-05T10:00:00Z", zone=zone) == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert read_timestamp(b"2026-01-05T10:00:00", zone=zone) == datetime(2026, 1, 5, 1, tzinfo=UTC)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2068, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)))
def test_what_is_printed_reads_back(at: datetime) -> None:
    """Every time in either full form is itself."""
    assert read_timestamp(at.isoformat().encode(), zone=timezone(timedelta(hours=1))) == at
    java = at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert read_timestamp(f"{java:%m/%d/%Y %H:%M:%S}.{java.microsecond // 1000:03}".encode(), zone=UTC) == java


@given(st.binary(), st.datetimes(timezones=st.just(UTC)))
def test_no_bytes_crash_it(text: bytes, now: datetime) -> None:
    """Any bytes are a time or none, at any time."""
    for prefix in (b"", b"Jan  1 00:00:00 ", b"9999-12-31T23:59:59-12:00 ", b"12/31/99 23:59:59"):
        at = read_timestamp(prefix + text, zone=UTC, now=now)
        assert at is None or at.tzinfo is not None
