"""How old a sighting is: what its line says, else what its carrier vouches for, else nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from retrust.signatures import Match
from retrust.sources import SKEW, sighting_of

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
