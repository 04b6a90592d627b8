"""Event sources: where the service hears of failures and renewals.

A source runs until it is cancelled and delivers sightings; whatever it raises is logged, and it is started
again with back-off while the others stay up. Mapping a sighting to a site and a case is the service's part;
``sighting_of`` and ``sender_of`` are what several kinds of source need.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel

from retrust.models import Level, Sighting

if TYPE_CHECKING:
    from retrust.host import Host
    from retrust.ledger import Knowledge
    from retrust.signatures import Match


SKEW = timedelta(days=1)
"""How far a line's clock, or its zone, may be ahead of ours."""


class Delivery(Protocol):
    """What a source may use of the service it runs in. ``name`` tells it from the other sources."""

    name: str
    host: Host
    knowledge: Knowledge

    async def deliver(self, sightings: Sequence[Sighting]) -> None:
        """Hand in sightings, of the level that this source knows its speakers by.

        Returns when they are in the ledger, durably; raises ``LedgerError`` when they are not."""
        ...

    async def ask_look(self, site: str, why: str) -> None:
        """Ask for a look at a site without a sighting: a hint, which the ledger keeps and a pass follows."""
        ...

    async def notice(self, site: str, what: str, detail: str) -> None:
        """Keep something that people should know and that starts nothing, such as a certificate's end."""
        ...

    async def position(self, key: str) -> str | None:
        """What this source remembered under ``key`` before the service was last stopped."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Remember where to go on; called after what was read up to there has been delivered."""
        ...

    def healthy(self, detail: str = "", *, lag: float = 0.0) -> None:
        """Say that the source works, and how many seconds it is behind."""
        ...

    def dropped(self, count: int, why: str) -> None:
        """Count what was lost before anything could be read of it."""
        ...


SettingsT = TypeVar("SettingsT", bound=BaseModel)


class EventSource(Generic[SettingsT]):
    """A kind of source; the inventory's ``sources`` name it, with settings of its own."""

    name: str
    settings_model: type[SettingsT]

    @abstractmethod
    async def run(self, settings: SettingsT, delivery: Delivery) -> None:
        """Hear and deliver until cancelled."""
        ...


class Sender(NamedTuple):
    """Who a log line comes from; ``holder`` is None where the node keeps no store."""

    site: str
    holder: str | None


def sender_of(where: Host, host: str) -> Sender | None:
    """The one site that has a node at ``host``, as the inventory names it; None for none and for several.

    ``host`` may have a port behind it, and may be several names of one host, apart by blanks or commas.
    """
    found, hosts = {}, {without_port(part) for part in host.casefold().replace(",", " ").split()}
    for site in where.inventory.sites.values():
        for node, endpoint in site.endpoints().items():
            if endpoint.host.casefold() in hosts:
                holders = where.target(site).holders(site)
                found[site.name, node] = Sender(site.name, node if node in holders else None)
    return next(iter(found.values())) if len(found) == 1 else None


def without_port(text: str) -> str:
    """``host`` of ``host:port`` and ``[host]:port``; anything else as it is, an IPv6 address above all."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, port = text.rpartition(":")
    return host if colon and port.isdigit() and ":" not in host else text


def sighting_of(
    match: Match,
    *,
    source: str,
    by: str,
    site: str | None = None,
    holder: str | None = None,
    received: datetime | None = None,
    newest: datetime | None = None,
    vouched: datetime | None = None,
    level: Level = "hint",
) -> Sighting:
    """A match as a sighting. ``vouched`` is the time of a line without one, if who brings it knows it: a live source
    heard it just now. No line is newer than ``newest``; a time of a later day was not read right."""
    received = received or datetime.now(UTC)
    newest, at = newest or received, match.at or vouched
    if at is not None:
        at = min(at, newest) if at <= newest + SKEW else None
    when = at.isoformat() if at else f"unknown:{received.isoformat()}"
    return Sighting(
        id=f"log:{source}:{match.offset}:{when}",
        kind="log",
        site=site,
        holder=holder,
        dn=match.dn,
        role=match.role,
        at=at,
        received_at=received,
        source=source,
        actor=by,
        text=match.text,
        level=level,
    )
