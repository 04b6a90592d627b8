"""The Prefect server a run needs: the one that ``PREFECT_API_URL`` names, or our own on SQLite.

Our own keeps its state under RETRUST_HOME, listens on loopback, answers to nobody but us (a credential of its
own for each start, no page of another origin), sends nothing anywhere, and ends with the process that started it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx

from retrust.engine.engine import Engine
from retrust.errors import TemporaryError
from retrust.secrets.environment import child_environment

log = logging.getLogger("retrust.flows")

START_LIMIT = 90.0
WATCH = 1.0
STOP_LIMIT = 10.0
DRAIN_LIMIT = 5.0
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_SERVER_DATABASE_TIMEOUT": "30",
}
CREDENTIAL = "credential"
"""The file, beside the server's state, with what its pages ask for; another one after each start."""


async def name_prefect(engine: Engine) -> None:
    """The inventory's server and credential, where the environment does not say otherwise."""
    prefect = engine.inventory.prefect
    if prefect.api_url:
        os.environ.setdefault("PREFECT_API_URL", prefect.api_url)
    if prefect.auth:
        os.environ["PREFECT_API_AUTH_STRING"] = (await engine.secrets.get(prefect.auth)).get_secret_value()


@asynccontextmanager
async def prefect_server(home: Path, *, port: int = 0, supervise: bool = False) -> AsyncIterator[str]:
    """The API's URL, in the environment while the block runs; a server of our own where none is named.

    With ``supervise`` our own is started again, at the same port, whenever it ends.
    """
    named = os.environ.get("PREFECT_API_URL")
    if named:
        os.environ.update(QUIET)
        yield named
        return
    port = port or _free_port()
    url = f"http://127.0.0.1:{port}/api"
    folder = home / "prefect"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    credential = f"retrust:{secrets.token_urlsafe(24)}"
    ours = {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": credential,
        "PREFECT_SERVER_API_AUTH_STRING": credential,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": url.removesuffix("/api"),
    }
    os.environ.update(QUIET, **ours)
    _keep(folder / CREDENTIAL, credential)
    _heed_environment()
    own = _Own(folder, port)
    ends = [
        signal.SIGKILL
    ]  # while it starts: each of its migrations is one transaction, and it has nothing else to lose
    try:
        await _healthy(url, own.process, folder)
        ends = [signal.SIGTERM, signal.SIGKILL]
        watching = asyncio.create_task(own.keep_up()) if supervise else None
        try:
            yield url
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
    finally:
        await _drained()
        for name in ours:
            os.environ.pop(name, None)
        _heed_environment()
        await _stop(own.process, ends)


@asynccontextmanager
async def starting_server(home: Path) -> AsyncIterator[asyncio.Task[str]]:
    """The server starts while the block does what needs none; the task is done when it is there, and ends with us."""
    async with AsyncExitStack() as stack:
        server = asyncio.create_task(stack.enter_async_context(prefect_server(home)))
        await asyncio.sleep(0)  # one that PREFECT_API_URL names is there at once
        try:
            yield server
        finally:
            server.cancel()
            await asyncio.gather(server, return_exceptions=True)


def _heed_environment() -> None:
    """Where Prefect was imported before, it read the environment then, and must read it again."""
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context  # Prefect reads the environment when it is imported

        refresh_global_settings_context()


def api_client() -> httpx.AsyncClient:
    """For Prefect's API as the environment names it, with the credential that it asks for."""
    user, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    return httpx.AsyncClient(
        base_url=os.environ["PREFECT_API_URL"], trust_env=False, auth=(user, password) if password else None
    )


def _keep(path: Path, credential: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(credential + "\n")


class _Own:
    """Our own server's process, and the next one after it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self.process = _start(folder, port)

    async def keep_up(self) -> None:
        while True:
            await asyncio.sleep(WATCH)
            if self.process.poll() is not None:
                log.warning("Prefect's server ended with %s and is started again", self.process.returncode)
                self.process = _start(self._folder, self._port)


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    with (folder / "server.log").open("ab") as log:
        # Of its own process group, so that a Ctrl-C reaches us alone; on a leash, so that it never outlives us.
        return subprocess.Popen(  # noqa: S603 - our own interpreter, no word of it from outside
            [
                sys.executable,
                "-m",
                "retrust_flows.leash",
                sys.executable,
                "-m",
                "prefect",
                "server",
                "start",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=child_environment("PREFECT_", "PYTHON", "COV_") | QUIET,
        )


async def _healthy(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = asyncio.get_running_loop().time() + START_LIMIT
    async with httpx.AsyncClient(trust_env=False) as client:
        while asyncio.get_running_loop().time() < deadline:
            if process.poll() is not None:
                raise TemporaryError(
                    "Prefect's server ended while starting",
                    where=str(folder / "server.log"),
                    hint="its last lines say why",
                )
            try:
                if (await client.get(f"{url}/health")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise TemporaryError(
        f"Prefect's server did not answer within {START_LIMIT:.0f} s",
        where=str(folder / "server.log"),
        hint="run again, or name one as PREFECT_API_URL",
    )


async def _drained() -> None:
    """What Prefect's client in this process has still to send goes out before our server goes down."""
    logs, events = sys.modules.get("prefect.logging.handlers"), sys.modules.get("prefect.events.worker")
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_LIMIT):
            if logs is not None:
                await logs.APILogHandler.aflush()
            if events is not None:
                await events.EventsWorker.drain_all()


async def _stop(process: subprocess.Popen[bytes], ends: Sequence[signal.Signals]) -> None:
    for number in ends:
        if process.poll() is not None:
            break
        os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(process.wait), STOP_LIMIT)
    if process.stdin is not None:
        process.stdin.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
