"""Flows for a work pool where no ``retrust serve`` need run: hear an event of Prefect's, and start what is due.

Both end in ``remediate``: they write what was heard into the ledger and let the dispatcher decide, as the
service does. A Prefect event is a hint that anybody with the server's one credential may send, so it is never
evidence: a renewal that it announces asks for a look, and does not vouch for a fingerprint.
"""

from __future__ import annotations

import io
from typing import Any

from prefect import Flow, flow

from retrust.errors import UsageError
from retrust.ledger.entries import LookAsked
from retrust.logs.scanner import scan_stream
from retrust.sources import sighting_of
from retrust_flows.remediate import Lent, lent_or_own
from retrust_flows.service.assigning import Assigner
from retrust_flows.service.dispatch import Dispatcher
from retrust_flows.service.launching import WorkPool
from retrust_flows.service.tail import Tail

ACTOR = "service"


def sweeping(lent: Lent | None) -> tuple[Flow[[], Any], Flow[..., Any]]:
    """Both flows, with what they are lent; with None they start an engine of their own."""

    @flow(name="sweep", persist_result=False, retries=0)
    async def sweep() -> int:
        """Start every pass that the ledger says is due; how many were started."""
        async with lent_or_own(lent) as use:
            return await _sweep(use)

    @flow(name="heard", persist_result=False, retries=0)
    async def heard(site: str | None = None, text: str | None = None, holder: str | None = None) -> int:
        """Keep what an event of Prefect's tells: log text, or only that a site should be looked at; then sweep."""
        async with lent_or_own(lent) as use:
            await _keep(use, site, text, holder)
            return await _sweep(use)

    return sweep, heard


sweep, heard = sweeping(None)
"""What deployments name; a worker runs them with its own engine."""


async def _keep(use: Lent, site: str | None, text: str | None, holder: str | None) -> None:
    chosen = use.engine.site(site).name if site else None
    if text:
        found = scan_stream(io.BytesIO(text.encode("utf-8", errors="replace")), use.engine.log_signatures)
        await use.ledger.sight_many(
            [sighting_of(match, source="Prefect event", by=ACTOR, site=chosen, holder=holder) for match in found]
        )
        await Assigner(use.engine, use.ledger).round()
    elif chosen:
        asked = LookAsked(why="a renewal was announced", source="Prefect event")
        await use.ledger.append(asked, actor=ACTOR, site=chosen)
    else:
        raise UsageError("an event names a site, or brings log text")


async def _sweep(use: Lent) -> int:
    dispatcher = Dispatcher(use.engine, use.ledger, WorkPool(), Tail(use.ledger))
    await dispatcher.start()
    await dispatcher.step()
    return await dispatcher.finish()
