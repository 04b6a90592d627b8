"""The delivery of a test keeps what a source gives, and fails where it is told to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from retrust.errors import TemporaryError
from retrust.testing import deliveries
from retrust.testing.deliveries import KeptDelivery
from retrust.testing.ledgers import sighting


class Source:
    """Says that it works, delivers once, and then waits; ``broken`` fails before it says so."""

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.ended = False

    async def run(self, settings: Any, to: KeptDelivery) -> None:
        try:
            if self.broken:
                raise ValueError(settings)
            to.healthy()
            await to.deliver([sighting()])
            await asyncio.Event().wait()
        finally:
            self.ended = True


async def test_a_refused_delivery_keeps_nothing() -> None:
    """As many as it was told fail; the next one is kept whole."""
    told = KeptDelivery(None, refuses=1)
    with pytest.raises(TemporaryError):
        await told.deliver([sighting(1)])
    assert told.seen == []
    await told.deliver([sighting(2), sighting(3)])
    assert [s.id for s in told.seen] == ["s2", "s3"]
    assert told.names == ["pi-sec", "pi-sec"]


async def test_a_source_runs_while_the_block_does() -> None:
    """The block begins once the source said that it works, and its end ends the source."""
    told, source = KeptDelivery(None), Source()
    async with told.running(source, "settings") as task:
        assert told.said == "up"
        await told.until(lambda: told.seen, "something was delivered")
        assert not task.done()
    assert source.ended


async def test_a_source_that_fails_at_once_is_given_to_the_test() -> None:
    """Nothing waits for it to work, and its error is there to look at."""
    async with KeptDelivery(None).running(Source(broken=True), "settings") as task:
        assert isinstance(task.exception(), ValueError)


async def test_what_never_becomes_so_is_complained_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the test's own words."""
    monkeypatch.setattr(deliveries, "LIMIT", 0.0)
    with pytest.raises(TimeoutError, match="the moon is full"):
        await KeptDelivery(None).until(lambda: False, "the moon is full")


async def test_a_position_is_remembered_by_its_key() -> None:
    """A source that starts again finds where it was."""
    told = KeptDelivery(None)
    await told.remember("a.log", "12")
    assert (await told.position("a.log"), await told.position("b.log")) == ("12", None)
