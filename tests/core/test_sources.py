"""How old a sighting is: what its line says, else what its carrier vouches for, else nobody knows; and what waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from retrust.signatures import Match
from retrust.sources import DIFFERENT, SKEW, Tally, sighting_of
from retrust.testing.ledgers import NOON, sighting

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("told", "vouched", "at"),
    [
        (None, None, None),
        (None, NOW, NOW),
        (NOW - HOUR, NOW, NOW - HOUR),
        (NOW - HOUR, None, NOW - HOUR),
        (NOW + HOUR, None, NOW),
        (NOW + SKEW + HOUR, NOW, None),
        (NOW + SKEW + HOUR, None, None),
    ],
)
def test_the_lines_time_comes_first(told: datetime | None, vouched: datetime | None, at: datetime | None) -> None:
    """A clock that is a little ahead is held back; a time of a later day was not read right."""
    match = Match("s", "CN=x", "peer", told, "text", 0)
    assert sighting_of(match, source="f", by="service", received=NOW, vouched=vouched).at == at


def test_nothing_is_newer_than_its_file() -> None:
    """A line of a file that was last written long ago is at most that old."""
    written = NOW - timedelta(days=300)
    match = Match("s", "CN=x", "peer", written + HOUR, "text", 0)
    assert sighting_of(match, source="f", by="service", received=NOW, newest=written).at == written
    assert sighting_of(match._replace(at=NOW), source="f", by="service", received=NOW, newest=written).at is None


def test_a_tally_counts_exactly_and_keeps_both_ends() -> None:
    """Of a storm it holds two sightings for each failure, the first and the last, and every count."""
    tally = Tally()
    for number in range(10_000):
        tally.add(sighting(number, dn=f"CN=pi-{number % 2}"))
    rows = tally.take()
    assert (len(rows), sum(row.count for row in rows)) == (4, 10_000)
    assert (min(r.at for r in rows), max(r.at for r in rows)) == (NOON, NOON + timedelta(seconds=9999))
    assert not tally


def test_further_hints_are_counted_without_their_names() -> None:
    """Anybody can send names without end: what waits is bounded, and nothing is lost from the count."""
    tally = Tally()
    for number in range(3 * DIFFERENT):
        tally.add(sighting(number, dn=f"CN={number}", level="hint"))
        tally.add(sighting(number, dn="CN=known"))
    rows = tally.take()
    assert sum(row.count for row in rows) == 6 * DIFFERENT
    assert len({row.says for row in rows}) == DIFFERENT + 1
    assert tally.unnamed == sum(row.count for row in rows if row.dn is None) == 2 * DIFFERENT + 1
