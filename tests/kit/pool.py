"""A work pool with real workers, for tests: the shipped deployments on the shared Prefect server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kit.campus import Campus
from retrust.ledger import Case
from retrust_flows.server import api_client

LIMIT = 90.0


def environment(site: Campus, url: str, folder: Path) -> dict[str, str]:
    return os.environ | {
        "RETRUST_HOME": str(site.home),
        "RETRUST_INVENTORY": str(site.inventory),
        "PREFECT_API_URL": url,
        "PREFECT_HOME": str(folder),
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "0.5",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "2",
    }


def prefect(*words: str, env: dict[str, str], cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *words],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


OURS = ("retrust", "worker", "--pool", "retrust", "--log-format", "json")
PREFECTS = ("prefect", "worker", "start", "--pool", "retrust", "--type", "retrust")


@asynccontextmanager
async def worker(
    env: dict[str, str], cwd: Path, words: tuple[str, ...] = OURS
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker on the pool; it ends with the block."""
    with (cwd / "worker.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *words,
            env=env,
            cwd=cwd,
            stdout=log,
            stderr=log,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), LIMIT)
                break


async def until(holds: Callable[[], Awaitable[Any]], folder: Path) -> Any:
    deadline = asyncio.get_running_loop().time() + LIMIT
    while not (found := await holds()):
        assert asyncio.get_running_loop().time() < deadline, (folder / "worker.log").read_text()[-4000:]
        await asyncio.sleep(0.05)
    return found


async def in_state(site: Campus, state: str, folder: Path) -> Case:
    found: Case = (await until(lambda: site.ledger.cases(states=[state]), folder))[0]
    return found


async def ordered(**more: Any) -> str:
    """A new run of ``remediate`` over the site, made at the API by who has its credential; its id."""
    async with api_client() as client:
        there = (await client.get("/deployments/name/remediate/remediate")).json()
        answer = await client.post(
            "/flow_runs/",
            json={
                "flow_id": there["flow_id"],
                "deployment_id": there["id"],
                "parameters": {"site": "campus"},
                "state": {"type": "SCHEDULED"},
                "work_pool_name": "retrust",
                "work_queue_name": "default",
            }
            | more,
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


async def ended(run: str, folder: Path) -> dict[str, Any]:
    """The final state of a run."""

    async def state() -> Any:
        async with api_client() as client:
            found = (await client.get(f"/flow_runs/{run}")).json()["state"]
        return found if found["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

    found: dict[str, Any] = await until(state, folder)
    return found
