"""What a target's plugin must have, and what it may leave as it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kit.model import Model, World
from retrust.approval import Attendance
from retrust.inventory import Site
from retrust.models import Endpoint, Pin, Progress
from retrust.target import Connection, Observed, Place, Services, unfollowed

PIN = Pin(holder="hub", key="alpha_1", subject="", line="")


class Least(Connection):
    """A connection that leaves all that it may as it is."""

    async def list_pins(self) -> tuple[Pin, ...]:
        return (PIN,)

    async def relations(self, *, pages: bool) -> dict[str, Any]:
        return {}

    async def tunnel(self, node: str, endpoint: Endpoint) -> tuple[Any, Any]:
        raise NotImplementedError

    async def observe(self, step: Any, *, sent: bool) -> Observed:
        return Observed("done", "x")

    async def send(self, step: Any, before_send: Any) -> None: ...


@pytest.mark.parametrize("lacks", ["list_pins", "relations", "tunnel", "observe", "send"])
def test_a_connection_that_cannot_do_its_part_is_not_made(lacks: str) -> None:
    """Each of the five is needed in a pass; one that is missing is found before anything is reached."""
    incomplete = type("Incomplete", (Least,), {lacks: getattr(Connection, lacks)})
    with pytest.raises(TypeError, match=lacks):
        incomplete()


async def test_what_a_connection_may_leave_out() -> None:
    """It needs nothing prepared, provokes nobody, and waits for nothing."""
    connection = Least()
    await connection.prepare([])
    assert await connection.provoke(PIN) is False
    assert await connection.settle() is None


def test_what_a_target_may_leave_out() -> None:
    """It opens no browser and doubts nothing."""
    target, site = Model(World()), Site(name="campus", target="model")
    assert target.browses(site) is False
    assert target.warnings(site) == ()


async def test_a_first_use_is_blind_unless_the_target_says_otherwise(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that forgets to say it gets the careful answer, in the plan that people decide on."""
    site = await scene()
    await site.broken()
    assert (await site.run(Attendance("service"))).plan.is_blind
    monkeypatch.setattr(site.engine.target(site.site), "first_use", "written", raising=False)
    assert not (await site.run(Attendance("service"))).plan.is_blind


async def test_services_are_careful_unless_told_otherwise() -> None:
    """Read-only, without accepted identities, with nobody who follows; each its own."""
    nothing: Any = SimpleNamespace()
    services, others = Services(nothing, nothing), Services(nothing, nothing)
    assert (services.read_only, services.identities, services.shots, services.transcripts) == (True, {}, None, None)
    await services.progress(Progress("x"))
    assert services.progress is unfollowed
    services.identities[("hub", "host key")] = ("SHA256:x",)
    assert others.identities == {}


def test_places_that_are_looked_at_alike_are_equal() -> None:
    """So that an endpoint that several pins are about is asked once."""
    one, two = (Place("endpoint", Endpoint(host="a", port=1), "ha", "peer") for _ in range(2))
    assert one == two
    assert len({one, two}) == 1
    assert one != Place("endpoint", Endpoint(host="a", port=2), "ha", "peer")
