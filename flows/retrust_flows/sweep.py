"""Flows for a work pool where no ``retrust serve`` need run: hear an event of Prefect's, and start what is due.

Both end in ``remediate``: they write what was heard into the ledger and let the dispatcher decide, as the
service does. A Prefect event is a hint that anybody with the server's one credential may send, so it is never
evidence: a renewal that it announces asks for a look, and does not vouch for a fingerprint.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect import flow

from retrust.engine import Engine
from retrust.errors import UsageError
from retrust.ledger import Ledger
from retrust.ledger.entries import LookAsked
from retrust.scanner import scan_stream
from retrust.sources import sighting_of
from retrust_flows.service.assigning import Assigner
from retrust_flows.service.dispatch import Dispatcher
from retrust_flows.service.launching import WorkPool
from retrust_flows.service.tail import Tail

ACTOR = "service"


@flow(name="sweep", persist_result=False, retries=0)
async def sweep() -> int:
    """Start every pass that the ledger says is due; how many were started."""
    async with _opened() as (engine, ledger):
        return await _sweep(engine, ledger)


@flow(name="heard", persist_result=False, retries=0)
async def heard(site: str | None = None, text: str | None = None, holder: str | None = None) -> int:
    """Keep what an event of Prefect's tells: log text, or only that a site should be looked at; then sweep."""
    async with _opened() as (engine, ledger):
        chosen = engine.site(site).name if site else None
        if text:
            found = scan_stream(io.BytesIO(text.encode("utf-8", errors="replace")),
                                tuple(engine.plugins.log_signatures.values()))
            await ledger.sight_many([sighting_of(match, source="Prefect event", by=ACTOR, site=chosen, holder=holder)
                                     for match in found])
            await Assigner(engine, ledger).round()
        elif chosen:
            asked = LookAsked(why="a renewal was announced", source="Prefect event")
            await ledger.append(asked, actor=ACTOR, site=chosen)
        else:
            raise UsageError("an event names a site, or brings log text")
        return await _sweep(engine, ledger)


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[Engine, Ledger]]:
    engine = Engine.start()
    async with await engine.open_ledger() as ledger:
        yield engine, ledger


async def _sweep(engine: Engine, ledger: Ledger) -> int:
    dispatcher = Dispatcher(engine, ledger, WorkPool(), Tail(ledger))
    await dispatcher.start()
    await dispatcher.step()
    return await dispatcher.finish()
