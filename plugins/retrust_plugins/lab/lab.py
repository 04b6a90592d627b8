"""The lab: a primary, a secondary and ISE servers on loopback, in the current event loop.

    async with Lab() as lab:
        await lab.secondary.renew()
        await lab.until(lambda: lab.primary.ha.mode == "HA Not Configured", "HA breaks")

Start reading here, then ``node`` (what a Prime server is made of), ``network`` (who sees which certificate)
and ``tofu`` (what the nodes trust). Every way to make it differ is in ``settings``.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import secrets
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509

from retrust_plugins.lab import inventory
from retrust_plugins.lab.addresses import Ground, find_ground
from retrust_plugins.lab.certificates import Identity, PrivateKey, SiteCA, make_identity, new_key
from retrust_plugins.lab.ha import PRIMARY_ACTIVE, SECONDARY_SYNCING, Registration
from retrust_plugins.lab.health_monitor import Address
from retrust_plugins.lab.ise import REACHABLE, IseEntry, IseNode
from retrust_plugins.lab.network import Interceptor, Network
from retrust_plugins.lab.node import PrimeNode
from retrust_plugins.lab.ports import HasHealthPort
from retrust_plugins.lab.settings import LabSettings

ISE_PORT = 8443
EVENTS = ("pin", "delete", "mismatch", "renew", "register", "add-ise", "command")

Callback = Callable[..., Awaitable[object] | object]


class Lab:
    """``folder`` keeps the logs; without one a temporary folder is made, and removed at the end."""

    def __init__(self, settings: LabSettings | None = None, folder: Path | None = None) -> None:
        self.settings = copy.deepcopy(settings) if settings else LabSettings()
        self.network = Network()
        self.ca = SiteCA() if self.settings.chain == "site-ca" else None
        self._callbacks: defaultdict[str, list[Callback]] = defaultdict(list)
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="retrust-lab-"))
        self.ground: Ground = find_ground(self.settings.addresses)
        self.authentication_key = f"Ha#{secrets.token_urlsafe(12)}"
        self._build()

    def _build(self) -> None:
        ground, settings = self.ground, self.settings
        self.primary = PrimeNode(self, "primary", ground.host(11), settings.primary, self.authentication_key)
        self.secondary = PrimeNode(self, "secondary", ground.host(12), settings.secondary, self.authentication_key)
        many = len(settings.ise) > 1
        self.ise = [
            IseNode(self, f"ise-{n}" if many else "ise", ground.host(20 + n), ground.port(ISE_PORT), one)
            for n, one in enumerate(settings.ise, start=1)
        ]
        self.dna_center = [
            IseNode(self, f"dna-center-{n}", ground.host(30 + n), ground.port(ISE_PORT), one)
            for n, one in enumerate(settings.dna_center, start=1)
        ]

    # Life ------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            for ise in (*self.ise, *self.dna_center):
                await ise.start()
            for prime in self.primes:
                await prime.listen()
            await self._begin()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for prime in self.primes:
            await prime.power_off()
        for ise in (*self.ise, *self.dna_center):
            await ise.stop()
        self.ground.release()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _begin(self) -> None:
        """Self entries first, as the seed lists them; a healthy start then makes friends of all."""
        await self.primary.health_monitor.meet_self()
        await self.secondary.health_monitor.meet_self()
        if self.settings.start == "healthy":
            await self.make_healthy()
        for prime in self.primes:
            prime.begin_rounds()

    async def make_healthy(self) -> None:
        """HA registered and every ISE added, as if it had been done long ago: over real first connections."""
        primary, secondary = self.primary, self.secondary
        primary.ise_servers.entries = [IseEntry(i.host, i.port, i.username, i.password) for i in self.ise]
        await primary.ise_servers.poll()
        primary.health_monitor.peer = Address(secondary.host, secondary.health_port)
        secondary.health_monitor.peer = Address(primary.host, primary.health_port)
        await primary.health_monitor.meet(primary.health_monitor.peer)
        await secondary.health_monitor.meet(secondary.health_monitor.peer)
        secondary.database = list(primary.database)
        primary.ha.registered = Registration(secondary.host, self.authentication_key)
        primary.ha.enter(PRIMARY_ACTIVE)
        secondary.ha.enter(SECONDARY_SYNCING)

    # Nodes -----------------------------------------------------------------------------------------

    @property
    def primes(self) -> tuple[PrimeNode, PrimeNode]:
        return self.primary, self.secondary

    @property
    def nodes(self) -> tuple[PrimeNode | IseNode, ...]:
        return (*self.primes, *self.ise, *self.dna_center)

    def node(self, name: str) -> PrimeNode | IseNode:
        """By name; ``ise`` is the first ISE server however many there are."""
        for node in self.nodes:
            if name in (node.name, node.host) or (name == "ise" and isinstance(node, IseNode)):
                return node
        raise KeyError(f"no node {name!r} in the lab, only {', '.join(n.name for n in self.nodes)}")

    def health_port_at(self, host: str, asked_by: HasHealthPort) -> int:
        others = [p for p in self.primes if p is not asked_by]
        return next((p.health_port for p in others if p.host == host), asked_by.health_port)

    @property
    def default_ise_port(self) -> int:
        """What a form without a port means."""
        return self.ise[0].port if self.ise else ISE_PORT

    @property
    def healthy(self) -> bool:
        """Whether high availability and every ISE server are as they should be."""
        known = {(e.address, e.port) for e in self.primary.ise_servers.entries if e.status == REACHABLE}
        return (
            self.primary.ha.mode == PRIMARY_ACTIVE
            and self.secondary.ha.mode == SECONDARY_SYNCING
            and all((i.host, i.port) in known for i in self.ise)
        )

    async def until(self, holds: Callable[[], object], what: str, limit: float = 10.0) -> None:
        """Wait for something to be so; ``what`` is the complaint's text when it never is."""
        deadline = asyncio.get_running_loop().time() + limit
        while not holds():
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"not within {limit} s: {what}")
            await asyncio.sleep(0.005)

    # Certificates ----------------------------------------------------------------------------------

    @property
    def ca_pem(self) -> str | None:
        return self.ca.pem if self.ca else None

    def subject_for(self, hostname: str, dn_style: str = "slash") -> str:
        """As in the seed; but a list of ``CN = x`` comes from certificates that name nothing else."""
        if dn_style == "spaced":
            return f"CN={hostname}"
        return f"CN={hostname},OU=Prime Infra,O=Cisco Systems,L=SJ,ST=CA,C=US"

    def identity(self, subject: x509.Name, hosts: tuple[str, ...], key: PrivateKey | None = None) -> Identity:
        return make_identity(subject, hosts, key or new_key(self.settings.key_type), self.ca)

    # Interception ----------------------------------------------------------------------------------

    def intercept(self, between: tuple[str, str], vantage: bool = False) -> Interceptor:
        """Put a stranger on the path from a holder to an endpoint; with ``vantage`` everyone outside
        meets it there too. Its certificate has the endpoint's subject, and a key of its own."""
        holder, target = self.node(between[0]), self.node(between[1])
        endpoint = target.health if isinstance(target, PrimeNode) else target.endpoint
        identity = make_identity(target.identity.subject, target.hosts, new_key(), None)
        interceptor = Interceptor(holder.name, endpoint, identity, vantage)
        self.network.interceptors.append(interceptor)
        return interceptor

    def clear_intercept(self) -> None:
        self.network.interceptors.clear()

    # Events ----------------------------------------------------------------------------------------

    def on(self, event: str, callback: Callback) -> None:
        """Call back with the node and the event's details; a coroutine is awaited before life goes on.

        ``delete`` comes when a pin is gone and before the next first use; for the others see ``EVENTS``.
        """
        if event not in EVENTS:
            raise ValueError(f"no event {event!r}, only {', '.join(EVENTS)}")
        self._callbacks[event].append(callback)

    async def tell(self, event: str, *details: Any) -> None:
        for callback in self._callbacks[event]:
            result = callback(*details)
            if inspect.isawaitable(result):
                await result

    # What its users need to know -------------------------------------------------------------------

    @property
    def secrets(self) -> dict[str, str]:
        """Every secret by a name; all differ, so that a leak can be searched for."""
        return inventory.secrets_of(self)

    def inventory(self, site: str = "campus") -> str:
        """``retrust.yaml`` with ``env:`` references; ``environment`` gives the variables."""
        return inventory.by_environment(self, site)

    def environment(self, site: str = "campus") -> dict[str, str]:
        return inventory.environment_of(self, site)

    def write(self, folder: Path, site: str = "campus") -> Path:
        """``retrust.yaml`` with ``file:`` references, and those files, in ``folder``; its path."""
        return inventory.write(self, folder, site)
