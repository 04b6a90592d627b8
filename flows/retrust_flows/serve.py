"""``retrust serve``: sources, webhook, console and flows; on the embedded default all of it is this one process.

Only the verb is here: what a terminal, a signal and the environment have to do with it. The parts are in
``retrust_flows.service``.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from typing import Annotated

import typer

from retrust.cli.options import InventoryOption
from retrust.cli.started import start
from retrust.engine.engine import Engine
from retrust.engine.home import serving
from retrust.ledger import Ledger
from retrust_flows.running import Runner
from retrust_flows.server import CREDENTIAL, name_prefect, prefect_server
from retrust_flows.service import web
from retrust_flows.service.emitting import Emitter
from retrust_flows.service.jsonlogs import Form, log_to_stderr
from retrust_flows.service.launching import InProcess, Launcher, WorkPool
from retrust_flows.service.metrics import Metrics
from retrust_flows.service.service import Service

log = logging.getLogger("retrust.service")

SQLITE_AT_ONCE, POSTGRESQL_AT_ONCE = 4, 16
"""Passes at once in this process: with more, Prefect's server on SQLite answers that it is locked."""


async def serve(
    host: Annotated[str | None, typer.Option(help="Where to listen; default: the inventory's console.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Its port; 0 for any free one. Default: console.port.")] = None,
    passes: Annotated[int | None, typer.Option(min=1, help="Passes at once in this process.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json, or text; default: text on a terminal.")] = None,
    inventory: InventoryOption = None,
) -> int:
    """Sources, webhook, console and flows: the whole service, one process on the embedded default."""
    engine = start(inventory)
    engine.plugins.load_all()
    undo = log_to_stderr(engine.redactor, form_of(log_format))
    stop = stop_signal()
    console = engine.inventory.console
    with (
        web.bind(host or console.host, console.port if port is None else port) as sock,
        serving(engine.home, engine.inventory.file),
    ):
        try:
            async with await engine.open_ledger() as ledger:
                await _serve(engine, ledger, sock, passes, stop)
        finally:
            undo()
    return 0


async def _serve(engine: Engine, ledger: Ledger, sock: socket.socket, passes: int | None, stop: asyncio.Event) -> None:
    metrics = Metrics()
    await name_prefect(engine)
    log.info("starting Prefect's server")
    starting = asyncio.ensure_future(stop.wait())
    async with prefect_server(engine.home, supervise=True) as api:
        launcher = await _launcher(engine, ledger, metrics, passes)
        service = Service.build(engine, ledger, launcher, metrics, emitter=Emitter())
        async with service.running(sock):
            log.info(
                "serving on %s with %d sites and %d sources; Prefect is at %s",
                service.url,
                len(engine.inventory.sites),
                len(service.sources),
                api,
            )
            if (own := engine.home / "prefect" / CREDENTIAL).exists():
                log.info("Prefect's pages ask for what is in %s", own)
            await starting
            log.info("stopping: passes under way may end")
    log.info("stopped")


async def _launcher(engine: Engine, ledger: Ledger, metrics: Metrics, passes: int | None) -> Launcher:
    """In this process, or on the work pool that the inventory names. Prefect is imported off the loop."""
    await asyncio.to_thread(__import__, "retrust_flows.remediate")
    if engine.inventory.prefect.work_pool:
        return WorkPool()
    runner = Runner(engine, ledger, "service", tell=lambda text: log.info("%s", text))
    return InProcess(
        runner, metrics, at_once=passes or (SQLITE_AT_ONCE if ledger.dialect == "sqlite" else POSTGRESQL_AT_ONCE)
    )


def form_of(chosen: str | None) -> Form:
    if chosen not in (None, "json", "text"):
        raise typer.BadParameter("json or text", param_hint="--log-format")
    return chosen or ("text" if sys.stderr.isatty() else "json")  # type: ignore[return-value]


def stop_signal() -> asyncio.Event:
    """Set by the first SIGTERM or Ctrl-C; the next one does what it does to any process."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop
