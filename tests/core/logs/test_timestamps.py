"""Times in log prefixes: what is recognised, in which zone, in which year."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust.logs.timestamps import read_timestamp

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (b"2026-01-05T10:00:00Z", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        (b"2026-01-05T10:00:00.5+0200 x", datetime(2026, 1, 5, 8, 0, 0, 500000, UTC)),
        (b"2026-01-05 10:00:00,123 -05:30", datetime(2026, 1, 5, 15, 30, 0, 123000, UTC)),
        (b"2026-01-05T10:00:00.123456789Z", datetime(2026, 1, 5, 10, 0, 0, 123456, UTC)),
        (b"01/05/26 10:00:00.123 ERROR", datetime(2026, 1, 5, 10, 0, 0, 123000, UTC)),
        (b"01/25/2026 10:00:00", datetime(2026, 1, 25, 10, tzinfo=UTC)),
        (b"<13>Jan  5 10:00:00 host ncs: ", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        (b"Jan 05 10:00:00 host", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        (b"Dec 31 23:59:59 host", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"Jan  6 01:00:00 host", datetime(2026, 1, 6, 1, tzinfo=UTC)),
        (b"Jan  5 10:00:00 host 01/05/26 09:59:59.000 [", datetime(2026, 1, 5, 9, 59, 59, tzinfo=UTC)),
        (b"2026-01-05T10:00:60Z", datetime(2026, 1, 5, 10, 0, 59, tzinfo=UTC)),
        (b"Feb 30 10:00:00 host", None),
        (b"13/45/26 10:00:00", None),
        (b"2026-13-01T10:00:00Z", None),
        (b"10:00:00", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"0000-01-01T00:00:00Z", None),
    ],
)
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
    if java.year >= 2000:
        prime = f"{java:%m/%d/%y %H:%M:%S}.{java.microsecond // 1000:03} INFO "
        assert read_timestamp(prime.encode(), zone=UTC, now=NOW) == java


@given(st.binary(), st.datetimes(timezones=st.just(UTC)))
def test_no_bytes_crash_it(text: bytes, now: datetime) -> None:
    """Any bytes are a time or none, at any time."""
    for prefix in (b"", b"Jan  1 00:00:00 ", b"9999-12-31T23:59:59-12:00 ", b"12/31/99 23:59:59"):
        at = read_timestamp(prefix + text, zone=UTC, now=now)
        assert at is None or at.tzinfo is not None


AT = datetime(2025, 3, 14, 9, 26, 53, tzinfo=UTC)
MS = AT.replace(microsecond=589000)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Mar 14, 2025 9:26:53 AM com.example.Hm run\nSEVERE: ", AT),
        ("Mar 14, 2025 9:26:53 PM com.example.Hm run\nSEVERE: ", AT + 12 * HOUR),
        ("Mar 14, 2025 12:26:53 AM com.example.Hm run\nINFO: ", AT - 9 * HOUR),
        ("Mar 14, 2025, 9:26:53\u202fAM com.example.Hm run\nSEVERE: ", AT),
        ("Mar 14, 2025 21:26:53 com.example.Hm run\nSEVERE: ", AT + 12 * HOUR),
        ("März 14, 2025 9:26:53 NACHM. com.example.Hm run\nSCHWERWIEGEND: ", AT + 12 * HOUR),
        ("mars 14, 2025 9:26:53 AM com.example.Hm run\nGRAVE: ", AT),
        ("mar. 14, 2025 9:26:53 p. m. com.example.Hm run\nGRAVE: ", AT + 12 * HOUR),
        ("3月 14, 2025 9:26:53 午後 com.example.Hm run\n重大: ", AT + 12 * HOUR),
        ("14 Mar 2025 09:26:53,589 ERROR [main] ", MS),
        ("14-Mar-2025 09:26:53.589 SEVERE [main] ", MS),
        ("14.03.2025 09:26:53,589 ERROR ", MS),
        ("14/03/2025 09:26:53 ERROR ", AT),
        ("2025/03/14 09:26:53 [error] 7#7: ", AT),
        ("2025/03/14 09:26:53.589000 main.go:7: ", MS),
        ("20250314 09:26:53.589 ERROR ", MS),
        ("20250314T092653.589Z ", MS),
        ("####<Mar 14, 2025 9:26:53 AM CET> <Error> ", AT - HOUR),
        ("####<Mar 14, 2025 9:26:53,589 AM CET> <Error> <x> <1741940813589> ", MS - HOUR),
        ("####<14-Mar-2025 09:26:53 o'clock CET> <Error> ", AT - HOUR),
        ("[3/14/25 9:26:53:589 CET] 00000017 Hm E ", MS - HOUR),
        ("[14.03.25 9:26:53:589 MEZ] 00000017 Hm E ", MS - HOUR),
        ("<189>86: *Mar 14 2025 09:26:53.589 UTC: ", MS),
        ("<189>86: .Mar 14 2025 09:26:53.589 CET: ", MS - HOUR),
        ("<189>86: prime-pri: 2025 Mar 14 09:26:53.589 EDT: ", MS + 4 * HOUR),
        ("[Fri Mar 14 09:26:53.589 2025] [ssl:error] ", MS),
        ("10.0.0.1 - - [14/Mar/2025:09:26:53 +0100] ", AT - HOUR),
        ("Fri, 14 Mar 2025 09:26:53 +0100 ", AT - HOUR),
        ("Fri Mar 14 09:26:53 CET 2025 ", AT - HOUR),
        ("2025-03-14 09:26:53.589+01 ", MS - HOUR),
        ("2025-03-14 09:26:53 -05 ", AT + 5 * HOUR),
        ("2025-03-14 09:26:53,589 CEST ERROR ", MS - 2 * HOUR),
        ("2025-03-14 09:26:53 GMT+01:00 ", AT - HOUR),
        ("2025-03-14 09:26:53 PST ", AT + 8 * HOUR),
        ("2025-03-14 09:26:53 JST ", AT - 9 * HOUR),
        ("2025-03-14T09:26:53+01:00[Europe/Berlin] x", AT - HOUR),
        ("1741944413 ", AT),
        ("[1741944413589] ", MS),
        ("1741944413.589 ERROR ", MS),
        ("<13>Mar 14 2025 09:26:53 prime-pri ncs: ", AT),
        ("Mar 4 09:26:53 prime-pri ncs: ", datetime(2025, 3, 4, 9, 26, 53, tzinfo=UTC)),
        ("Mar 14 09:26:53.589 prime-pri ncs: ", MS),
        ("2025-03-14 09:26:53,589 UTC ERROR ", MS),
        ("2025-03-14 09:26:53 Europe/Berlin ", AT - HOUR),
        ("2025-03-14 09:26:53 [America/New_York] ", AT + 4 * HOUR),
        ("20250314-09:26:53.589 ", MS),
        ("2025-03-14 09:26:53 Pool/Worker ", AT),
        ("ts=1741944413.589 level=error ", MS),
        ("type=X msg=audit(1741944413.589:7): ", MS),
        ("2025-03-14T09:26:53,589Z ", MS),
        ("2025-03-14 09:26:53,589 [main] ERROR com.example.Hm - ", MS),
    ],
)
def test_times_as_libraries_and_devices_write_them(text: str, at: datetime) -> None:
    """Each is the moment that it means."""
    assert read_timestamp(text.encode(), zone=UTC, now=NOW) == at


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2025 09:26:53 ERROR ",
        "09:26:53,589 ERROR ",
        "2025-03-14 09:26:53 IST ERROR ",
        "2025-03-14 09:26:53 CST ERROR ",
        "Mar 14, 2025 9:26:53 CST com.example.Hm run",
        "<189>86: *Mar 14 09:26:53.589 NewYork: ",
        ("31/31/2025 09:26:53 "),
        ("2025-02-30 09:26:53 "),
        "<13>Mar 14 09:26:53 host ncs: 03/04/2025 09:26:53 ",
        ("*1w2d: "),
        ("build 1741944413 "),
        ("Mar 14, 2025 9:26:53 μ.μ. com.example.Hm run"),
        ("1234567890123456789012 "),
        ("99999999999999 "),
        "9925-03-14 09:26:53 ",
        "12025-03-14 09:26:53 ",
        ("14 Mar 2025 25:26:53 "),
    ],
)
def test_what_has_two_meanings_or_none_is_unknown(text: str) -> None:
    """An unknown zone, day or date is no time, and no outer time stands for it."""
    assert read_timestamp(text.encode(), zone=UTC, now=NOW) is None
