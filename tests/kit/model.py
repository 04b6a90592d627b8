"""A small target whose appliance is this module: one holder, two peers, an interceptor, all of it in memory.

It keeps the contract of a target and believes nothing of the engine: whoever writes to it is asked first by
``on_write``, with the step as it came.
"""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from retrust.hookspecs import hookimpl
from retrust.inventory import Site
from retrust.models import Endpoint, Finding, Pin, Presented, Relation, Sighting, Snapshot, Step
from retrust.ssh import ChannelsForbidden
from retrust.target import Connection, Observed, Place, Services, Target

HUB, PEERS = "hub", ("alpha", "beta")
WHEN = datetime(2024, 1, 1, tzinfo=UTC)


def certificate(name: str) -> Presented:
    """The certificate of that name; all of a peer have its subject and keys of their own."""
    peer = name.partition("-")[0]
    print_ = "SHA256:" + name.encode().hex().ljust(64, "0")[:64]
    return Presented(
        fingerprint=print_,
        key_fingerprint=print_,
        subject=f"CN={peer}",
        issuer=f"CN={peer}",
        not_before=WHEN,
        not_after=WHEN + timedelta(days=9999),
    )


@dataclass
class Peer:
    """``here`` and ``there`` are who answers in its place to our looks from here, and at the holder's end."""

    name: str
    renewals: int = 0
    here: str | None = None
    there: str | None = None
    pinned: str | None = None

    @property
    def genuine(self) -> str:
        return f"{self.name}-{self.renewals}"

    @property
    def is_intercepted(self) -> bool:
        return bool(self.here or self.there)


@dataclass
class World:
    peers: dict[str, Peer] = field(default_factory=lambda: {name: Peer(name, pinned=f"{name}-0") for name in PEERS})
    before_write: Callable[[Step], Awaitable[None]] | None = None
    on_write: Callable[[Step], Awaitable[None]] | None = None
    after_write: Callable[[Step], Awaitable[None]] | None = None

    def meet(self) -> None:
        """The holder connects, and pins whom it meets where it has no pin."""
        for peer in self.peers.values():
            peer.pinned = peer.pinned or peer.there or peer.genuine

    def healthy(self, peer: Peer) -> bool:
        return peer.pinned == (peer.there or peer.genuine)


@dataclass(frozen=True)
class Looks:
    """How the model's endpoints are looked at; the same looks are equal."""

    peer: str
    world: World = field(compare=False, hash=False)

    async def probe(self, endpoint: Endpoint, *, timeout: float) -> Presented:
        peer = self.world.peers[self.peer]
        return certificate(peer.here or peer.genuine)

    async def probe_many(
        self, endpoints: Sequence[Endpoint], *, limit: int, timeout: float
    ) -> Mapping[Endpoint, Presented]:
        return {endpoint: await self.probe(endpoint, timeout=timeout) for endpoint in endpoints}

    async def probe_over(self, reader: Any, writer: Any, *, endpoint: Endpoint, timeout: float) -> Presented:
        peer = self.world.peers[self.peer]
        return certificate(peer.genuine if reader == self.peer else peer.there or peer.genuine)


class _Hub(Connection):
    def __init__(self, world: World, site: Site) -> None:
        self._world, self._site = world, site

    async def list_pins(self) -> tuple[Pin, ...]:
        return tuple(
            Pin(holder=HUB, key=f"{p.name}_1", subject=f"CN={p.name}", line=f"{p.name}_1; CN={p.name}")
            for p in self._world.peers.values()
            if p.pinned
        )

    async def relations(self, *, pages: bool) -> dict[str, Relation | None]:
        healthy = {p.name: self._world.healthy(p) for p in self._world.peers.values()}
        return {name: Relation(status="up" if up else "down", healthy=up) for name, up in healthy.items()}

    async def tunnel(self, node: str, endpoint: Endpoint) -> tuple[Any, Any]:
        if self._site.trust.tunnels == "never":
            raise ChannelsForbidden("the site says tunnels: never", where=node)
        return node, types.SimpleNamespace(close=lambda: None)

    async def observe(self, step: Step, *, sent: bool) -> Observed:
        listed = self._world.peers[step.argument.removesuffix("_1")].pinned is not None
        return Observed(
            "needed" if listed and not sent else "undecided" if listed else "done", "listed" if listed else "not listed"
        )

    async def send(self, step: Step, before_send: Callable[[], Awaitable[None]]) -> None:
        for told in (self._world.before_write, before_send, self._world.on_write):
            if told is not None:
                await (told() if told is before_send else told(step))  # type: ignore[call-arg]
        self._world.peers[step.argument.removesuffix("_1")].pinned = None
        if self._world.after_write is not None:
            await self._world.after_write(step)

    async def settle(self) -> str | None:
        self._world.meet()
        return None


class Model(Target[Site]):
    name = "model"
    site_model = Site
    stages = ("delete",)

    def __init__(self, world: World) -> None:
        self.world = world

    def holders(self, site: Site) -> tuple[str, ...]:
        return (HUB,)

    def locate(self, site: Site, pin: Pin) -> Place:
        peer = pin.key.removesuffix("_1")
        if peer not in PEERS:
            return Place("unknown")
        here = Endpoint(host=f"10.0.0.{1 + PEERS.index(peer)}", port=1)
        return Place("endpoint", here, peer, peer, Endpoint(host="127.0.0.1", port=1), Looks(peer, self.world))

    def fits(self, site: Site, sighting: Sighting, pin: Pin, place: Place) -> bool:
        return sighting.holder in (None, HUB)

    def steps(
        self, site: Site, planned: Sequence[Finding], snapshot: Snapshot, deleted: frozenset[str]
    ) -> tuple[Step, ...]:
        return tuple(
            Step(
                id=f"delete:{f.pin.edge}",
                stage="delete",
                kind="delete-pin",
                holder=HUB,
                argument=f.pin.key,
                risk="delete-pin",
                sends=(f"delete {f.pin.key}",),
                relation=f.relation,
                expected={f.pin.edge: f.presented.fingerprint},
            )
            for f in planned
            if f.presented
        )

    @asynccontextmanager
    async def connect(self, site: Site, services: Services) -> AsyncIterator[Connection]:
        self.world.meet()
        yield _Hub(self.world, site)


def plugin(world: World) -> types.ModuleType:
    """The model's target as a plugin."""
    made = types.ModuleType("the_model")
    made.retrust_targets = hookimpl(lambda: [Model(world)])  # type: ignore[attr-defined]
    made.retrust_targets.__name__ = "retrust_targets"
    return made
