"""The list of sites, and one site in short: its picture, what is broken, its case, and when it may be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from retrust.approval import at_any_plan
from retrust.ledger.entries import Looked
from retrust.models import GateState
from retrust_plugins.console.board import Brief, broken
from retrust_plugins.console.listing import Listed, paged
from retrust_plugins.console.reading import last_seen

if TYPE_CHECKING:
    from retrust.inventory import Site
    from retrust.ledger import Entry
    from retrust_plugins.console.context import Console
    from retrust_plugins.console.picture import Picture

AGAIN = timedelta(seconds=30)
SHOWS = {
    "all": "every site",
    "broken": "with a broken relation",
    "case": "with an open case",
    "maintenance": "in maintenance",
    "unseen": "never looked at",
}


@dataclass(frozen=True)
class SiteRow:
    """``windows`` are the gates that look at no plan, such as change windows, as they stand."""

    name: str
    target: str
    maintenance: bool
    picture: Picture | None
    down: Sequence[str]
    brief: Brief | None
    windows: Sequence[GateState]


@dataclass(frozen=True)
class _Known:
    down: Sequence[str]
    brief: Brief | None
    look: Entry | None


async def listed_sites(console: Console, *, text: str, show: str, number: int) -> Listed[SiteRow]:
    """The sites that fit, by name; what is broken comes first."""
    known = await _known(console)
    sites = console.host.inventory.sites
    kept = [name for name in sites if _fits(name, known[name], sites[name].maintenance, text, show)]
    kept.sort(key=lambda name: (not known[name].down, known[name].brief is None, name.casefold()))
    number, part = paged(kept, number)
    return Listed([await _row(console, name, known[name]) for name in part], len(kept), number)


async def site_row(console: Console, site: str) -> SiteRow:
    return await _row(console, site, (await _known(console))[site])


async def _known(console: Console) -> dict[str, _Known]:
    briefs = {b.case.site: b for b in await console.board.open()}
    looks = await console.board.looks()
    found = {}
    for name in console.host.inventory.sites:
        look = looks.get(name)
        down = broken(look.body.snapshot) if look is not None and isinstance(look.body, Looked) else []
        found[name] = _Known(down, briefs.get(name), look)
    return found


def _fits(name: str, known: _Known, maintenance: bool, text: str, show: str) -> bool:
    shown = {
        "all": True,
        "broken": bool(known.down),
        "case": known.brief is not None,
        "maintenance": maintenance,
        "unseen": known.look is None,
    }
    said = f"{name} {' '.join(known.down)} {known.brief.case.id if known.brief else ''}".casefold()
    return shown[show] and all(word in said for word in text.casefold().split())


async def _row(console: Console, name: str, known: _Known) -> SiteRow:
    site = console.host.site(name)
    picture = await last_seen(console.host, console.ledger, name, known.look)
    return SiteRow(name, site.target, site.maintenance, picture, known.down, known.brief, await _windows(console, site))


async def _windows(console: Console, site: Site) -> tuple[GateState, ...]:
    """Asked once in a while: a calendar takes some milliseconds to read, and many sites share one."""
    now, policy = datetime.now(UTC), repr(site.policy.gates)
    asked = console.windows.get(policy)
    if asked is None or not timedelta() <= now - asked[0] < AGAIN:
        asked = console.windows[policy] = now, await at_any_plan(console.host, site, now)
    return asked[1]
