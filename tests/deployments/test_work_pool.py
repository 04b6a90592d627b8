"""``deployments/prefect.yaml`` on a real server with a real worker: an event of Prefect's ends in a waiting case."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from retrust.ledger import Case
from retrust_flows.server import api_client
from retrust_plugins.lab.testing import Campus, campus

pytestmark = pytest.mark.prefect

ROOT = Path(__file__).parents[2]
LIMIT = 90.0


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Campus]:
    async with campus(tmp_path) as site:
        await site.settle_in()
        await site.break_trust("secondary")
        yield site


def environment(site: Campus, url: str, folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "RETRUST_HOME": str(site.home), "RETRUST_INVENTORY": str(site.inventory),
                         "PREFECT_API_URL": url, "PREFECT_HOME": str(folder), "DO_NOT_TRACK": "1",
                         "PREFECT_WORKER_QUERY_SECONDS": "0.5", "PREFECT_RUNNER_POLL_FREQUENCY": "1"}


def prefect(*words: str, env: dict[str, str], cwd: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "prefect", "--no-prompt", *words], env=env, cwd=cwd,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@asynccontextmanager
async def worker(env: dict[str, str], cwd: Path) -> AsyncIterator[None]:
    """A worker on the pool; it ends with the block, and its runs with it."""
    with (cwd / "worker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "prefect", "worker", "start", "--pool", "retrust", env=env, cwd=cwd, stdout=log,
            stderr=log, stdin=asyncio.subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 15)
                break


async def emit(url: str, name: str, payload: dict[str, Any]) -> None:
    event = {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": name, "payload": payload,
             "resource": {"prefect.resource.id": f"test.{uuid4()}"}, "related": []}
    async with api_client() as client:
        (await client.post("/events", json=[event])).raise_for_status()


@pytest.fixture
def deployed(site: Campus, prefect_api: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The shipped file, deployed as it is; the environment of whoever works with it."""
    env = environment(site, prefect_api, tmp_path / "prefect")
    prefect("work-pool", "create", "retrust", "--type", "process", "--overwrite",
            "--base-job-template", str(ROOT / "deployments" / "work-pool.json"), env=env, cwd=tmp_path)
    prefect("deploy", "--all", "--prefect-file", str(ROOT / "deployments" / "prefect.yaml"), env=env, cwd=tmp_path)
    yield env
    prefect("deployment", "delete", "--all", env=env, cwd=tmp_path)


async def waiting(site: Campus, folder: Path) -> Case:
    deadline = asyncio.get_running_loop().time() + LIMIT
    while not (cases := await site.ledger.cases(states=["waiting"])):
        assert asyncio.get_running_loop().time() < deadline, (folder / "worker.log").read_text()[-4000:]
        await asyncio.sleep(0.1)
    return cases[0]


@pytest.mark.timeout(300)
async def test_an_event_of_prefects_ends_in_a_waiting_case(
        site: Campus, deployed: dict[str, str], tmp_path: Path) -> None:
    """The log text of an event is kept, and a worker makes the plan."""
    async with worker(deployed, tmp_path):
        await emit(deployed["PREFECT_API_URL"], "retrust.log.signature", {
            "site": "campus", "holder": "primary", "text": site.lab.primary.log_text("hm")})
        case = await waiting(site, tmp_path)
    assert (case.requested_by, case.digest is not None, site.writes) == ("service", True, 0)


@pytest.mark.timeout(300)
async def test_nobody_chooses_what_a_worker_executes(site: Campus, deployed: dict[str, str], tmp_path: Path) -> None:
    """A run that brings a command or an environment is refused; where one gets in, the worker looks at neither."""
    marks = {"command": f"touch {tmp_path / 'commanded'}", "env": {"RETRUST_INVENTORY": str(tmp_path / "another.yaml")},
             "working_dir": str(tmp_path)}
    scheduled: dict[str, Any] = {"parameters": {"site": "campus"}, "state": {"type": "SCHEDULED"}}
    await site.sight()
    async with api_client() as client:
        remediate = (await client.get("/deployments/name/remediate/remediate")).json()
        for name, value in marks.items():
            answer = await client.post(f"/deployments/{remediate['id']}/create_flow_run",
                                       json=scheduled | {"job_variables": {name: value}})
            assert (answer.status_code, "Additional properties" in answer.text) == (422, True), answer.text
        answer = await client.post("/flow_runs/", json=scheduled | {
            "flow_id": remediate["flow_id"], "deployment_id": remediate["id"], "job_variables": marks,
            "work_pool_name": "retrust", "work_queue_name": "default"})
        assert (answer.status_code, answer.json()["job_variables"]) == (201, marks), answer.text
    async with worker(deployed, tmp_path):
        case = await waiting(site, tmp_path)
    assert (case.digest is not None, site.writes, (tmp_path / "commanded").exists()) == (True, 0, False)


DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from retrust.ledger import Ledger

async def main():
    async with await Ledger.open(None, Path(sys.argv[1])) as ledger:
        async with ledger.lease("campus", owner="worker", what="a pass", ttl=300):
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.timeout(300)
async def test_the_sweep_takes_over_what_a_killed_worker_left(
        site: Campus, deployed: dict[str, str], tmp_path: Path) -> None:
    """Without any service, a case goes on whose pass was killed with the site's lease in its hands."""
    await site.sight()
    orphan = await site.ledger.open_case("campus", cause="a test", actor="service")
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES, str(site.home))
    assert await died.wait() == -signal.SIGKILL
    assert await site.ledger.holder("campus") is not None
    prefect("deployment", "run", "sweep/sweep", env=deployed, cwd=tmp_path)  # as Prefect's scheduler does each minute
    async with worker(deployed, tmp_path):
        case = await waiting(site, tmp_path)
    assert (case.id, case.digest is not None, site.writes) == (orphan.id, True, 0)
