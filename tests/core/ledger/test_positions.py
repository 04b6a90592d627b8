"""Where a home's sources go on: kept with what they delivered, by home, and never half."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retrust.ledger import Ledger
from retrust.ledger.positions import of_home
from retrust.testing.ledgers import SITE, sighting

LOG = ("file", "hm-0-0.log")


async def test_a_position_is_kept_with_what_was_delivered(ledger: Ledger) -> None:
    """Before the first there is none; the newest stands in the place of the one before."""
    assert await ledger.position(*LOG) is None
    await ledger.sight_many([sighting(1)], positions={LOG: "100"})
    await ledger.sight_many([sighting(2)], positions={LOG: "200", ("file", "other.log"): "7"})
    assert (await ledger.position(*LOG), await ledger.position("file", "other.log")) == ("200", "7")
    assert sum(seen.count for seen in await ledger.sightings(SITE)) == 2


async def test_a_position_moves_without_a_sighting(ledger: Ledger) -> None:
    """Lines that say nothing are passed, too, and are not read again."""
    await ledger.sight_many([], positions={LOG: "100"})
    assert await ledger.position(*LOG) == "100"


async def test_what_is_not_kept_moves_no_position(ledger: Ledger) -> None:
    """Where the sightings are refused the position stays, and they are delivered again."""
    await ledger.sight_many([sighting(1)], positions={LOG: "100"})

    def broken() -> object:
        yield sighting(2)
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        await ledger.sight_many(broken(), positions={LOG: "200"})
    assert await ledger.position(*LOG) == "100"


def test_each_home_has_one_name(tmp_path: Path) -> None:
    """Whoever begins at the same time takes the same, and another home has another."""
    with ThreadPoolExecutor(8) as at_once:
        names = {key["_home"] for key in at_once.map(lambda _: of_home(tmp_path, *LOG), range(40))}
    (tmp_path / "another").mkdir()
    assert len(names | {of_home(tmp_path / "another", *LOG)["_home"]}) == 2
    assert [path.name for path in tmp_path.glob("home.id*")] == ["home.id"]
