"""Who answers where the holder pins anew: before it, at it, and for a while after."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from kit.model import Model, World, certificate
from retrust.errors import Refused, TemporaryError
from retrust.inventory import Site, Trust
from retrust.models import Endpoint, Finding, Presented, Progress
from retrust.target import Connection, Place
from retrust.trust.first_use import LOOKS, another_certificate, random_moments, watch
from retrust.trust.observation import Known, take_snapshot

APPROVED = certificate("alpha-0").fingerprint
MOMENT = timedelta(milliseconds=1)


class Scene:
    """The hub's pin of alpha, and the ways to look at whom it is about."""

    def __init__(self, world: World, site: Site, connection: Connection, finding: Finding) -> None:
        self.world, self.connection, self.finding = world, connection, finding
        self.alpha, self.locate = world.peers["alpha"], partial(Model(world).locate, site)
        self.said: list[str] = []

    async def alarm(self) -> Refused | None:
        place = self.locate(self.finding.pin)
        return await another_certificate(self.finding, APPROVED, place, self.connection, self.said.append)

    async def watched(self) -> Refused | None:
        async def follow(progress: Progress) -> None:
            self.said.append(str(progress))

        return await watch([self.finding], self.locate, self.connection, MOMENT, follow)


async def a_scene(**trust: Any) -> Scene:
    world, site = World(), Site(name="campus", target="model", trust=Trust.model_validate(trust))
    async with Model(world).connect(site, None) as connection:
        seen = await take_snapshot(Model(world), site, connection, Known(), (), pages=False)
    return Scene(world, site, connection, next(f for f in seen.findings if f.pin.edge == "hub:alpha_1"))


async def test_the_approved_certificate_raises_no_alarm() -> None:
    """This machine and the holder both see it: nothing is said, and the write may come."""
    scene = await a_scene()
    assert await scene.alarm() is None
    assert scene.said == []


@pytest.mark.parametrize(("end", "looker"), [("here", "this machine"), ("there", "hub")])
async def test_another_certificate_is_refused_wherever_it_is_seen(end: str, looker: str) -> None:
    """The alarm says who is shown what, and what was approved."""
    scene = await a_scene()
    setattr(scene.alpha, end, "alpha-stranger")
    alarm = await scene.alarm()
    assert alarm is not None
    assert alarm.exit_code == 4
    shown = certificate("alpha-stranger").fingerprint
    assert f"presents {shown} to {looker}, approved was {APPROVED}" in str(alarm)


async def test_a_stranger_at_one_address_of_a_name_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder is asked to reach the name's addresses by number, too: each of them may be who it meets."""
    scene = await a_scene()

    class ByNumber:
        async def probe(self, endpoint: Endpoint, *, timeout: float) -> Presented:
            return certificate("alpha-0")

        async def probe_over(self, reader: str, writer: Any, *, endpoint: Endpoint, timeout: float) -> Presented:
            return certificate("alpha-stranger" if reader == "192.0.2.2" else "alpha-0")

    async def tunnel(node: str, endpoint: Endpoint) -> tuple[str, Any]:
        return endpoint.host, SimpleNamespace(close=lambda: None)

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{n}", 1)) for n in (1, 2)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(scene.connection, "tunnel", tunnel)
    named = scene.finding.model_copy(update={"endpoint": Endpoint(host="alpha.example.com", port=1)})
    place = Place("endpoint", named.endpoint, prober=ByNumber())
    alarm = await another_certificate(named, APPROVED, place, scene.connection, scene.said.append)
    assert "to hub, which asks for 192.0.2.2:1 by number, approved was" in str(alarm)


async def test_an_end_that_cannot_be_seen_is_said_and_is_no_alarm() -> None:
    """Where the site forbids channels, the holder's end stays unseen, and that is told."""
    scene = await a_scene(tunnels="never")
    assert await scene.alarm() is None
    assert len(scene.said) == 1
    assert scene.said[0].startswith("hub sees no certificate at 10.0.0.1:1: ")


async def test_a_stranger_who_comes_later_is_met_by_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not there at the first look, and is at a later one, is found; the watch itself is announced."""
    scene = await a_scene()

    def appear() -> None:
        scene.alpha.there = "alpha-stranger"

    at_moment(monkeypatch, 2, appear)
    alarm = await scene.watched()
    assert alarm is not None
    assert "to hub, approved was" in str(alarm)
    assert scene.said == ["the path of hub:alpha_1 is watched for 1ms"]


async def test_the_watch_ends_without_an_alarm_where_nothing_changed() -> None:
    """Every look sees the approved certificate."""
    assert await (await a_scene()).watched() is None


async def test_a_peer_that_does_not_answer_now_raises_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may restart after its renewal; the watch goes on."""
    scene, asked = await a_scene(), []

    class Down:
        async def probe(self, endpoint: Endpoint, *, timeout: float) -> Any:
            asked.append(endpoint)
            raise TemporaryError("refused the connection", where=str(endpoint))

    scene.locate = lambda pin: Place("endpoint", scene.finding.endpoint, prober=Down())  # type: ignore[assignment]
    assert await scene.watched() is None
    assert len(asked) == LOOKS


@pytest.mark.parametrize("seconds", [0.5, 600])
async def test_the_moments_are_random(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A few within the time that is set, one after the other, and never the same twice."""
    waits = at_moment(monkeypatch, 0, lambda: None)
    watches = []
    for _ in range(3):
        waits.clear()
        assert len([None async for _ in random_moments(timedelta(seconds=seconds))]) == LOOKS
        assert all(wait >= 0 for wait in waits)
        assert 0 < sum(waits) <= seconds
        watches.append(tuple(waits))
    assert len(set(watches)) == 3


def at_moment(monkeypatch: pytest.MonkeyPatch, number: int, act: Any) -> list[float]:
    """Waiting takes no time, and is noted; ``act`` happens before the moment of that number."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == number:
            act()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waits
