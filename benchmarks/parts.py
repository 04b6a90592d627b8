"""The parts of a scaled deployment as processes on this machine: databases, Prefect servers, workers, the service.

Each is what ``deployments/`` starts in containers, units or pods, with the same settings. A part can be killed and
is started again by ``Part.keep``; all end with the block that made them, by their own process ids.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

LOCK = Path(__file__).parents[1] / "requirements-scale.lock"
LIMIT = 120.0


class Part:
    """One process of ours in a group of its own; ``log`` is all that it ever said."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name, self._arguments, self._environment = name, arguments, environment
        self.log = folder / f"{name}.log"
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._arguments,
                env=dict(self._environment),
                cwd=self._folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.starts += 1

    def kill(self) -> None:
        """SIGKILL to the process and all that it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self, patience: float = 30.0) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, number)
                self.process.wait(patience)
                return

    @property
    def cpu(self) -> float:
        """Seconds of CPU of the running process and of those of its children that have ended."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    @property
    def peak_memory(self) -> float:
        """MiB of the running process."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    @property
    def _pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def with_prefect_redis(folder: Path) -> str | None:
    """The folder to put on PYTHONPATH, or None with a line that says why there is none; nothing of ours is changed."""
    if shutil.which("redis-server") is None:
        print("scale: no redis-server is installed, so there is one Prefect API server, not two", file=sys.stderr)
        return None
    target = folder / "prefect-redis"
    for tool in (
        ["uv", "pip", "install", "--quiet", "--python", sys.executable],
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
    ):
        with contextlib.suppress(OSError):
            if (
                subprocess.run(
                    [*tool, "--no-deps", "--require-hashes", "--target", str(target), "--requirement", str(LOCK)],
                    check=False,
                    capture_output=True,
                ).returncode
                == 0
            ):
                return str(target)
    print("scale: prefect-redis cannot be installed, so there is one Prefect API server, not two", file=sys.stderr)
    return None


def quiet(folder: Path) -> dict[str, str]:
    """Every part's: Prefect's files in ``folder``, warnings only, nothing told to anybody."""
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    }


def prefect_on(url: str) -> dict[str, str]:
    """Prefect's database: one of PostgreSQL's."""
    return {"PREFECT_API_DATABASE_CONNECTION_URL": url.replace("postgresql:", "postgresql+asyncpg:")}


def redis_settings(port: int) -> dict[str, str]:
    """What makes several API servers one: broker, cache, ordering, leases and background work in Redis."""
    return {
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(port),
        "PREFECT_REDIS_MESSAGING_DB": "0",
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{port}/1",
    }


def redis_server(folder: Path, port: int) -> Part:
    return Part(
        "redis",
        [
            "redis-server",
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(folder),
        ],
        os.environ,
        folder,
    )


def prefect(name: str, folder: Path, environment: Mapping[str, str], *words: str) -> Part:
    return Part(name, [sys.executable, "-m", "prefect", "--no-prompt", *words], environment, folder)


def retrust(name: str, folder: Path, environment: Mapping[str, str], *words: str) -> Part:
    return Part(name, [sys.executable, "-m", "retrust", *words], environment, folder)


@asynccontextmanager
async def served(
    name: str, folder: Path, environment: Mapping[str, str], *, prefect_apart: bool = False
) -> AsyncIterator[str]:
    """One ``retrust serve``, ready; the URL of its door. Its Prefect server is its own, or one beside it."""
    door, port = free_port(), free_port()
    async with AsyncExitStack() as stack:
        if prefect_apart:
            api = prefect(f"{name}-api", folder, environment, "server", "start", "--port", str(port))
            await stack.enter_async_context(kept_running([api]))
            await answers(f"http://127.0.0.1:{port}/api/health", api)
            environment = {**environment, "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
        serve = retrust(f"{name}-serve", folder, environment, "serve", "--port", str(door))
        await stack.enter_async_context(kept_running([serve]))
        await answers(f"http://127.0.0.1:{door}/readyz", serve)
        yield f"http://127.0.0.1:{door}"


async def answers(url: str, part: Part, limit: float = LIMIT) -> None:
    """Until something answers at ``url`` with 2xx."""
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(limit):
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).is_success:
                    return
            if part.process is not None and part.process.poll() is not None:
                raise SystemExit(f"{part.name} ended: {part.said[-2000:]}")
            await asyncio.sleep(0.2)


@asynccontextmanager
async def kept_running(parts: Sequence[Part]) -> AsyncIterator[None]:
    """Start the parts, start each again when it ends, and stop all of them in reverse order."""
    for part in parts:
        part.start()
    keeping = asyncio.create_task(_keep(parts))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        for part in reversed(parts):
            await asyncio.to_thread(part.stop)


async def _keep(parts: Sequence[Part]) -> None:
    while True:
        await asyncio.sleep(0.5)
        for part in parts:
            if part.process is not None and part.process.poll() is not None:
                part.start()
