"""Words in a time: months, halves of the day, zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from retrust.logs.timewords import UNKNOWN, half_of, month, zone_of


@pytest.mark.parametrize(
    ("name", "number"),
    [("Jan", 1), ("MÄRZ", 3), ("août", 8), ("Sept", 9), ("dicembre", 12), ("3月", 3), ("13月", None), ("0月", None)],
)
def test_a_month_is_known_in_any_spelling(name: str, number: int | None) -> None:
    """Case and accents do not count; a number that is no month is none."""
    assert month(name.encode()) == number


@pytest.mark.parametrize("name", ["ju", "ma", "Foo"])
def test_a_beginning_that_may_be_several_months_is_none(name: str) -> None:
    """Two letters name no month, and neither does a word that begins none."""
    assert month(name.encode()) is None


@pytest.mark.parametrize(("word", "hours"), [("AM", 0), ("p.m.", 12), ("午後", 12), ("noon", None)])
def test_halves_of_the_day(word: str, hours: int | None) -> None:
    """Dots and case do not count; other words say no half."""
    assert half_of(word.encode()) == hours


@pytest.mark.parametrize(
    ("word", "hours"), [("Z", 0), ("CEST", 2), ("NST", -3.5), ("+05:30", 5.5), ("GMT-8", -8), ("Asia/Tokyo", 9)]
)
def test_a_zone_has_its_distance_from_utc(word: str, hours: float) -> None:
    """Abbreviations, offsets and names of places are read."""
    zone = zone_of(word.encode())
    assert zone is not None
    assert zone is not UNKNOWN
    assert datetime(2026, 1, 1, tzinfo=UTC).astimezone(zone).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize("word", ["CST", "IST", "Pacific Standard Time", "+25:00"])
def test_a_zone_with_several_meanings_is_unknown(word: str) -> None:
    """It is a zone, but nobody can say which: the time is not guessed."""
    assert zone_of(word.encode()) is UNKNOWN


@pytest.mark.parametrize("word", ["INFO", "No/Where", "../etc/passwd"])
def test_other_words_are_no_zone(word: str) -> None:
    """A word of the message is not taken for a zone."""
    assert zone_of(word.encode()) is None
