"""``retrust lab up``, ``lab renew`` and ``lab log``: the twin alone, to try things on."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from retrust.errors import UsageError
from retrust_plugins.lab.control import ControlServer, ask, is_running
from retrust_plugins.lab.lab import Lab
from retrust_plugins.lab.settings import HaSettings, IseServersSettings, IseSettings, LabSettings

DirOption = Annotated[Path, typer.Option("--dir", help="The lab's folder: inventory, secrets, logs.")]
NodeArgument = Annotated[str, typer.Argument(help="primary, secondary or ise (ise-2 for the second of several).")]

_FOLDER = Path("retrust-lab")


async def up(
    folder: DirOption = _FOLDER,
    renew: Annotated[
        list[str] | None,
        typer.Option(help="Renew this node's certificate after the start, so that trust is broken; may be repeated."),
    ] = None,
    ise: Annotated[int, typer.Option(min=0, max=9, help="How many ISE servers.")] = 1,
    fresh: Annotated[bool, typer.Option(help="Start with HA and ISE not set up, instead of healthy.")] = False,
    site: Annotated[str, typer.Option(help="The site's name in the inventory.")] = "campus",
) -> None:
    """Run the twin in the foreground until Ctrl-C."""
    if await is_running(folder):
        raise UsageError("a lab runs here already", where=str(folder), hint="end it, or take another --dir")
    settings = LabSettings(
        start="fresh" if fresh else "healthy",
        health_interval=1.0,
        ise_servers=IseServersSettings(interval=1.0),
        ha=HaSettings(registration_time=3.0),
        ise=tuple(IseSettings(hostname="ISE-server" if n == 0 else f"ISE-server-{n + 1}") for n in range(ise)),
    )
    _clear_logs(folder)
    async with Lab(settings, folder) as lab, ControlServer(lab, folder):
        inventory = lab.write(folder, site)
        for name in renew or []:
            await _renew(lab, name)
        _say(*_story(lab, folder, inventory, site))
        await _interrupted()
    _say("", "The lab is gone; its logs stay in " + str(folder))


async def renew(
    node: NodeArgument,
    folder: DirOption = _FOLDER,
    subject: Annotated[
        str | None, typer.Option(help="Another subject, as CN=x,O=y; the same as before without.")
    ] = None,
) -> None:
    """Renew the certificate of a node of the lab that runs in the folder."""
    answer = await ask(folder, "renew", node, subject=subject)
    _say(answer["fingerprint"])


async def log(
    node: NodeArgument,
    folder: DirOption = _FOLDER,
    name: Annotated[str, typer.Option("--log", help="hm or ncs.")] = "hm",
) -> None:
    """Print a node's log: hm, the health monitor's, or ncs, where ISE's errors are."""
    sys.stdout.write((await ask(folder, "log", node, log=name))["text"])


async def _renew(lab: Lab, name: str) -> None:
    try:
        node = lab.node(name)
    except KeyError as unknown:
        raise UsageError(str(unknown.args[0])) from None
    await node.renew()


def _story(lab: Lab, folder: Path, inventory: Path, site: str) -> list[str]:
    shown = "" if folder == _FOLDER else f" --dir {folder}"
    primes = [
        f"  {p.name:<10} {p.host:<16} ssh {p.ssh.port}, health monitor {p.health_port}"
        + (f", pages https://{p.host}:{p.web.port}/" if p is lab.primary else "")
        for p in lab.primes
    ]
    return [
        "The lab is up: real SSH, TLS and pages on loopback.",
        "",
        *primes,
        *(f"  {i.name:<10} {i.host:<16} https {i.port}" for i in lab.ise),
        "",
        f"  inventory  {inventory}",
        f"  logs       {lab.primary.log.path('hm')}",
        f"             {lab.primary.log.path('ncs')}",
        f"             {lab.secondary.log.path('hm')}",
        "",
        "In another terminal:",
        f"  retrust --inventory {inventory} check {site}",
        f"  retrust lab renew secondary{shown}",
        f"  retrust lab log primary{shown}",
        f"  retrust --inventory {inventory} run {site}",
        "",
        "Ctrl-C ends the lab.",
    ]


async def _interrupted() -> None:
    """Until Ctrl-C or SIGTERM; where a loop takes no signal handlers, Ctrl-C cancels us instead."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    except NotImplementedError:
        pass
    await stop.wait()


def _clear_logs(folder: Path) -> None:
    for old in folder.glob("*/*-0-0.log"):
        old.unlink()


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
