"""``retrust worker``: a worker of our type on the inventory's work pool, with our settings, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import Annotated

import typer

from retrust.cli.options import InventoryOption
from retrust.cli.started import start
from retrust.engine.engine import Engine
from retrust.errors import UsageError
from retrust_flows.running import hush_prefect
from retrust_flows.serve import form_of, stop_signal
from retrust_flows.server import QUIET, name_prefect
from retrust_flows.service.jsonlogs import log_to_stderr

log = logging.getLogger("retrust.service")

POLL = "2"
"""Seconds between two questions for runs, where PREFECT_WORKER_QUERY_SECONDS says nothing else."""


async def worker(
    pool: Annotated[str | None, typer.Option(help="The work pool; default: the inventory's prefect.work_pool.")] = None,
    name: Annotated[str | None, typer.Option(help="Its name in Prefect's pages; default: a random one.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Runs at once in this process; default: 4.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json, or text; default: text on a terminal.")] = None,
    inventory: InventoryOption = None,
) -> int:
    """A worker on the work pool: runs what the service ordered, in this one process."""
    engine = start(inventory)
    engine.plugins.load_all()
    chosen = pool or engine.inventory.prefect.work_pool
    if chosen is None:
        raise UsageError("no work pool is named", where="prefect.work_pool", hint="name one there, or with --pool")
    await name_prefect(engine)
    if not os.environ.get("PREFECT_API_URL"):
        raise UsageError(
            "a worker needs a Prefect server", where="prefect.api_url", hint="name it there, or as PREFECT_API_URL"
        )
    os.environ.update(QUIET)
    os.environ.setdefault("PREFECT_WORKER_QUERY_SECONDS", POLL)
    undo = log_to_stderr(engine.redactor, form_of(log_format))
    try:
        await _work(engine, chosen, name, limit, stop_signal())
    finally:
        undo()
    return 0


async def _work(engine: Engine, pool: str, name: str | None, limit: int | None, stop: asyncio.Event) -> None:
    from retrust_flows.worker import RetrustWorker  # Prefect reads the environment when it is imported

    hush_prefect()
    works = asyncio.ensure_future(
        RetrustWorker(pool, name=name, limit=limit, engine=engine).start(printer=lambda text: log.info("%s", text))
    )
    asked = asyncio.ensure_future(stop.wait())
    await asyncio.wait([works, asked], return_when=asyncio.FIRST_COMPLETED)
    if not works.done():
        log.info("stopping: passes under way may end")
        works.cancel()
    asked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await works
    log.info("stopped")
