"""What a target plugin is: a kind of site, and a connection to one.

``Target`` is pure: it reads the inventory, says what a pin is about and which steps heal it.
``Connection`` does the I/O: list, relations, one step at a time. The engine (``retrust.runs.passes``) owns the
order, the gates, the ledger and the lease, so a target cannot skip any of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from retrust.models import Endpoint, Finding, FirstUse, Pin, Presented, Progress, Relation, Sighting, Snapshot, Step

if TYPE_CHECKING:
    from retrust.errors import RetrustError
    from retrust.inventory import Site
    from retrust.secrets.redaction import Redactor
    from retrust.secrets.stores import Secrets
    from retrust.x509.hello import Hello


class Prober(Protocol):
    """How the certificate at an endpoint is looked at: one handshake that sends nothing and trusts nobody.

    The module ``retrust.x509.tls`` is one. Another must be hashable, and equal where it asks the same thing.
    """

    async def probe(self, endpoint: Endpoint, *, timeout: float) -> Presented:
        """The certificate presented to this machine."""
        ...

    async def probe_many(
        self, endpoints: Sequence[Endpoint], *, limit: int, timeout: float
    ) -> Mapping[Endpoint, Presented | RetrustError]:
        """Certificate or error of each endpoint, at most ``limit`` at once."""
        ...

    async def probe_over(self, reader: Any, writer: Any, *, endpoint: Endpoint, timeout: float) -> Presented:
        """The certificate presented at the far end of a channel that is open already."""
        ...


@dataclass(frozen=True)
class Place:
    """What a pin's key names: the holder itself, nothing in the inventory, or an endpoint of a peer.

    ``relation`` is the relation that depends on the pin (``ha``, ``ise:10.0.0.21``), ``peer`` the node
    whose certificate it is, and ``loopback`` where that node serves the same certificate to itself;
    both None where there is no such thing. ``prober`` is how the certificate is looked at, None for TLS;
    ``hello`` is a captured ClientHello of the holder's own client, with which it is looked at, too.
    A holder itself has an endpoint where the site includes pins of oneself, so that they can be judged.
    ``why`` says why it is unknown, where there is more to say than that nothing is named.
    """

    kind: Literal["self", "unknown", "endpoint"]
    endpoint: Endpoint | None = None
    relation: str | None = None
    peer: str | None = None
    loopback: Endpoint | None = None
    prober: Prober | None = None
    hello: Hello | None = None
    why: str = ""


@dataclass(frozen=True)
class Observed:
    """Where a step stands at the target: to be done, done, in motion, undecided, or in a state to stop at.

    ``undecided`` is a change that was sent and whose effect only a later step can show. ``text`` quotes
    what was seen.
    """

    state: Literal["needed", "done", "wait", "undecided", "stop"]
    text: str


Follow = Callable[[Progress], Awaitable[None]]


async def unfollowed(progress: Progress) -> None:
    """Where nobody follows what goes on."""


@dataclass
class Services:
    """What a connection may use of the process it runs in.

    ``read_only`` sessions send allow-listed commands only. ``identities`` are host keys and web
    certificates that a person accepted in place of the inventory's: ``(node, kind) → fingerprints``.
    ``progress`` is awaited with what goes on in a step.
    ``shots`` and ``transcripts`` are folders for pictures and session transcripts, or None for none.
    """

    secrets: Secrets
    redactor: Redactor
    read_only: bool = True
    progress: Follow = unfollowed
    tell: Callable[[str], None] = lambda _: None
    shots: Path | None = None
    transcripts: Path | None = None
    identities: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


SiteT = TypeVar("SiteT", bound="Site")


class Target(Generic[SiteT]):
    """A kind of site, whose inventory is a ``SiteT``."""

    name: str
    """What an inventory's ``target:`` names."""
    site_model: type[SiteT]
    """What the inventory says of such a site."""
    stages: tuple[str, ...]
    """The tasks that change something, in the order in which they run."""
    first_use: FirstUse = "blind"
    """``written`` where the steps put the approved pin itself into the store."""

    @abstractmethod
    def holders(self, site: SiteT) -> tuple[str, ...]:
        """The nodes that have a trust store, by their names in the inventory."""
        ...

    @abstractmethod
    def locate(self, site: SiteT, pin: Pin) -> Place:
        """What the pin's key names."""
        ...

    @abstractmethod
    def fits(self, site: SiteT, sighting: Sighting, pin: Pin, place: Place) -> bool:
        """Whether the sighting can be about this pin, by role, node and port; the DN is the engine's part."""
        ...

    @abstractmethod
    def steps(
        self, site: SiteT, planned: Sequence[Finding], snapshot: Snapshot, deleted: frozenset[str]
    ) -> tuple[Step, ...]:
        """Ordered steps that un-pin ``planned`` and restore what depends on it.

        ``deleted`` are the edges that this case un-pinned before, in a pass that did not end healed.
        """
        ...

    def label(self, relation: str) -> str:
        """A relation's name as people say it."""
        return relation

    def browses(self, site: SiteT) -> bool:
        """Whether the site has web pages that Chromium opens."""
        return False

    def warnings(self, site: SiteT) -> tuple[str, ...]:
        """What is allowed in the inventory and seldom meant; empty for none."""
        return ()

    @abstractmethod
    def connect(self, site: SiteT, services: Services) -> AbstractAsyncContextManager[Connection]:
        """Reach and log in to every holder, or raise and name the one that failed."""
        ...


class Connection(ABC):
    """One pass's connections to the nodes of a site; opened and closed by the engine."""

    @abstractmethod
    async def list_pins(self) -> tuple[Pin, ...]:
        """The stores of all holders, in listed order."""
        ...

    @abstractmethod
    async def relations(self, *, pages: bool) -> dict[str, Relation | None]:
        """What the target says of its relations; with ``pages`` also what only its web pages tell."""
        ...

    @abstractmethod
    async def tunnel(self, node: str, endpoint: Endpoint) -> tuple[Any, Any]:
        """A ``direct-tcpip`` channel through a node's verified session, as (reader, writer) of bytes.

        Raises ``ChannelsForbidden`` where the node, or the site's ``tunnels: never``, forbids it.
        """
        ...

    async def prepare(self, steps: Sequence[Step]) -> None:  # noqa: B027 - a target may need nothing
        """Prove, without writing, that what the steps need is there, or raise what is missing and what to do.

        Called before the first of them is sent, with those that were not sent yet. That their secrets can be read
        is proven before.
        """

    @abstractmethod
    async def observe(self, step: Step, *, sent: bool) -> Observed:
        """Where the step stands now; ``sent`` is whether the ledger says that it was sent before."""
        ...

    @abstractmethod
    async def send(self, step: Step, before_send: Callable[[], Awaitable[None]]) -> None:
        """Send the step once; await ``before_send`` immediately before what cannot be taken back."""
        ...

    async def provoke(self, pin: Pin) -> bool:
        """Make the holder connect to the pin's endpoint now, where the target can; whether it could."""
        return False

    async def settle(self) -> str | None:
        """Wait for what heals by itself after the steps, within the target's limit; what it waited for."""
        return None
