"""``check``, ``plan`` and ``impact``: everything that looks and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from retrust.cli import output
from retrust.cli.app import unknown
from retrust.cli.options import InventoryOption, JsonOption, SiteArgument, SitesArgument, WatchOption
from retrust.cli.showing import SignOption, somebody
from retrust.cli.started import start
from retrust.engine.engine import Engine
from retrust.errors import RetrustError, UsageError
from retrust.inventory import Site
from retrust.ledger import Knowledge, read_only
from retrust.models import Snapshot
from retrust.present.json import check_object, plan_object, unplanned_object, unread_object
from retrust.runs.preflight import noted, unmet
from retrust.runs.preview import draw_plan, renewal_impact
from retrust.runs.reaching import FAILED, OK, REFUSED, exit_code, look, says_something_new
from retrust.trust.baselines import healthy_baselines, taken_up

SITES_AT_ONCE, FEW = 100, 10
WATCHED_EVERY = 30
"""Seconds between two looks: each one logs in at every node."""
_GRAVEST = (REFUSED, 2, FAILED, 3, OK)


async def check(
    sites: SitesArgument = None, json: JsonOption = False, watch: WatchOption = False, inventory: InventoryOption = None
) -> int:
    """Read only: pins, verdicts, evidence."""
    engine = start(inventory)
    chosen = [engine.site(name) for name in sites] if sites else list(engine.inventory.sites.values())
    for warning in engine.warnings:
        output.say(f"warning: {warning}")
    code = await _checked(engine, chosen, json)
    while watch:
        await asyncio.sleep(WATCHED_EVERY)
        output.clear()
        code = await _checked(engine, chosen, json)
    return code


async def _checked(engine: Engine, chosen: Sequence[Site], json: bool) -> int:
    async with read_only(await engine.ledger_url(), engine.home) as knowledge:
        limit = asyncio.Semaphore(SITES_AT_ONCE)
        with output.working(f"looking at {chosen[0].name if len(chosen) == 1 else f'{len(chosen)} sites'}"):
            looked = await asyncio.gather(*(_check(engine, site, knowledge, limit) for site in chosen))
        news = [
            s for _, s in looked if isinstance(s, Snapshot) and says_something_new(s, await knowledge.last_look(s.site))
        ]
    looked = await _kept(engine, looked, news)
    looked = [(site, noted(s, await unmet(engine, site)) if isinstance(s, Snapshot) else s) for site, s in looked]
    if json:
        _print_json(looked)
    else:
        _print(engine, looked)
    return _gravest(_code(result) for _, result in looked)


Looked = list[tuple[Site, "Snapshot | RetrustError"]]


async def _check(
    engine: Engine, site: Site, knowledge: Knowledge, limit: asyncio.Semaphore
) -> tuple[Site, Snapshot | RetrustError]:
    async with limit:
        try:
            return site, await look(engine, site, knowledge, pages=False)
        except RetrustError as error:
            return site, error
        except Exception as error:  # a target is somebody else's code: the other sites are looked at
            return site, unknown(error)


async def _kept(engine: Engine, looked: Looked, news: list[Snapshot]) -> Looked:
    """The ledger keeps what is new, and the certificates that a healthy relation vouches for."""
    healthy = {site.name: healthy_baselines(s) for site, s in looked if isinstance(s, Snapshot)}
    found = [b for baselines in healthy.values() for b in baselines]
    if not found and not news:
        return looked
    async with await engine.open_ledger() as ledger:
        by = await somebody(engine, ledger)
        await ledger.set_baselines(found, actor=by)
        for snapshot in news:
            await ledger.record_look(snapshot, actor=by)
    return [(site, taken_up(s, healthy[site.name]) if isinstance(s, Snapshot) else s) for site, s in looked]


def _print_json(looked: Looked) -> None:
    objects = [check_object(r) if isinstance(r, Snapshot) else unread_object(site.name, str(r)) for site, r in looked]
    output.print_json(objects[0] if len(objects) == 1 else objects)


def _print(engine: Engine, looked: Looked) -> None:
    """What is wrong first; of many sites, those where all is well are only counted."""
    well = [(site, result) for site, result in looked if _code(result) == OK and not _problems(result)]
    for site, result in [pair for pair in looked if pair not in well] + (well if len(well) <= FEW else []):
        if isinstance(result, Snapshot):
            output.show(output.snapshot_lines(result, engine.target(site).label))
        else:
            where = f"{result.where}: " if result.where else ""
            output.show([output.paint(f"{site.name}: {where}{result.what} → retrust doctor {site.name}", "red")])
            output.show([f"  {result.hint}"] if result.hint else [])
    if len(well) > FEW:
        output.show([f"{len(well)} sites are healthy"])


def _problems(result: Snapshot | RetrustError) -> bool:
    return isinstance(result, Snapshot) and bool(result.problems)


def _code(result: Snapshot | RetrustError) -> int:
    return exit_code(result) if isinstance(result, Snapshot) else result.exit_code


def _gravest(codes: object) -> int:
    found = set(codes)  # type: ignore[call-overload]
    return next(code for code in _GRAVEST if code in found or code == OK)


async def plan(
    site: SiteArgument, json: JsonOption = False, sign_with: SignOption = None, inventory: InventoryOption = None
) -> int:
    """Check, then the plan as a diff, its digest and gates."""
    engine = start(inventory)
    chosen = engine.site(site)
    try:
        async with await engine.open_ledger() as ledger:
            by = await somebody(engine, ledger, sign_with)
            with output.working(f"looking at {site}, its web pages too"):
                drawn = await draw_plan(engine, chosen, ledger, actor=by)
    except RetrustError as error:
        if json:
            output.print_json(unplanned_object(site, str(error)))
        raise
    if json:
        output.print_json(plan_object(drawn.snapshot, drawn.plan, drawn.gates))
    else:
        then = f"retrust run {site}" if drawn.plan else None
        output.show(output.snapshot_lines(drawn.snapshot, engine.target(chosen).label, then))
        if drawn.plan:
            output.show(output.plan_lines(drawn.plan, drawn.gates))
        elif drawn.exit_code != OK:
            output.show(["", drawn.why_none])
    return drawn.exit_code


async def impact(
    site: SiteArgument,
    renew: Annotated[str, typer.Option(metavar="NODE", help="The node whose certificate is renewed.")],
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Which pins a planned renewal of a node's certificate will break."""
    engine = start(inventory)
    async with read_only(await engine.ledger_url(), engine.home) as knowledge:
        with output.working(f"looking at {site}"):
            snapshot = await look(engine, engine.site(site), knowledge, pages=False)
    broken = renewal_impact(engine, engine.site(site), snapshot, renew)
    if broken is None:
        raise UsageError(
            f"the site {site} has no node {renew!r} that any pin is about",
            hint="nodes are named as in the inventory, an ISE server by its host",
        )
    if json:
        output.print_json(
            {
                "site": site,
                "renew": renew,
                "breaks": [{"holder": f.pin.holder, "key": f.pin.key, "relation": f.relation} for f in broken],
            }
        )
    else:
        label = engine.target(engine.site(site)).label
        count = f"{len(broken)} pin{'' if len(broken) == 1 else 's'}"
        output.show([f"{site}: a renewed certificate of {renew} makes {count} stale"])
        output.show(f"  {f.pin.edge}  breaks {label(f.relation or '')}".rstrip() for f in broken)
    return OK
