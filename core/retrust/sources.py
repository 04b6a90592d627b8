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

    async def deliver(
        self, sightings: Sequence[Sighting], *, position: tuple[str, str] | None = None, patient: bool = False
    ) -> None:
        """Hand in sightings, of the level that this source knows its speakers by.

        Returns when they are in the ledger, durably; raises ``LedgerError`` when they are not. ``position`` is a
        key, and where this source goes on after them: both are kept at once, or neither. A ``patient`` source
        answers to nobody: what only repeats what the ledger has is then counted, and kept within half a minute,
        with its position."""
        ...

    async def ask_look(self, site: str, why: str) -> None:
        """Ask for a look at a site without a sighting: a hint, which the ledger keeps and a pass follows."""
        ...

    async def notice(self, site: str, what: str, detail: str) -> None:
        """Keep something that people should know and that starts nothing, such as a certificate's end."""
        ...

    async def position(self, key: str) -> str | None:
        """Where the ledger has kept what this source delivered up to, or what it remembered under ``key``.

        What was delivered after that is not kept, and is to be delivered again."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Remember something; where to go on is said with what is delivered."""
        ...

    def healthy(self, detail: str = "", *, lag: float = 0.0) -> None:
        """Say that the source works, and how many seconds it is behind."""
        ...

    def dropped(self, count: int, why: str) -> None:
        """Count what was lost before anything could be read of it."""
        ...

    def refused(self, count: int) -> None:
        """Count what this source did not take: requests that it turned away, names that it does not tell apart."""
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


DIFFERENT = 500
"""How many different hints wait to be kept apart: anybody can send names without end."""
NOBODY = dict.fromkeys(("holder", "key", "endpoint", "dn", "role", "fingerprint", "at")) | {
    "kind": "log",
    "text": f"further hints, beyond {DIFFERENT} different ones",
}


class Tally:
    """Sightings that wait to be kept: of those that say the same the first and the last, counted exactly.

    Further hints are counted without their names; ``unnamed`` is how many those were.
    """

    def __init__(self) -> None:
        self._rows: dict[object, list[Sighting]] = {}
        self.unnamed = 0

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, seen: Sighting) -> None:
        if seen.is_hint and len(self._rows) >= DIFFERENT and seen.says not in self._rows:
            self.unnamed += seen.count
            seen = seen.model_copy(update=NOBODY)
        row = self._rows.setdefault(seen.says, [])
        row.append(seen)
        if len(row) > 2:
            count = sum(s.count for s in row)
            first, _, last = sorted(row, key=lambda s: s.at or s.received_at)
            row[:] = [first.model_copy(update={"count": 1}), last.model_copy(update={"count": count - 1})]

    def take(self) -> list[Sighting]:
        rows, self._rows = self._rows, {}
        return [seen for row in rows.values() for seen in row]


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
