"""Progress that is kept, as a table: what was told, and what of it is news."""

from __future__ import annotations

import pytest

from retrust.models import Progress
from retrust.runs.milestones import Thinned

REPLICATION, POST = "Database Replication", "Post HA Registration"

TABLE = [
    pytest.param(
        [(REPLICATION, n) for n in range(101)], [(REPLICATION, n) for n in range(0, 101, 10)], id="every percent"
    ),
    pytest.param(
        [(REPLICATION, 97), (REPLICATION, 99), (REPLICATION, 100), (REPLICATION, 100)],
        [(REPLICATION, 97), (REPLICATION, 100)],
        id="its first and its end, once",
    ),
    pytest.param(
        [(REPLICATION, 60), (POST, 3), (REPLICATION, 64), (POST, 4)],
        [(REPLICATION, 60), (POST, 3)],
        id="each milestone by itself",
    ),
    pytest.param([(REPLICATION, 60), (REPLICATION, 0)], [(REPLICATION, 60), (REPLICATION, 0)], id="a second try"),
    pytest.param(
        [("Register", None), ("Register", None), ("Check", None), ("Register", None)],
        [("Register", None), ("Check", None), ("Register", None)],
        id="what has no measure",
    ),
]


@pytest.mark.parametrize(("told", "news"), TABLE)
def test_news(told: list[tuple[str, int | None]], news: list[tuple[str, int | None]]) -> None:
    """A milestone's first and last percent and each stride between are news; repetitions are not."""
    thinned = Thinned()
    assert [one for one in told if thinned.is_news(Progress(*one))] == news
