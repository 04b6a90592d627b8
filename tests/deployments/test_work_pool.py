"""``deployments/prefect.yaml`` on a real server with real workers: what they run, and what they refuse."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kit.campus import Campus
from kit.pool import LIMIT, PREFECTS, ended, in_state, ordered, prefect, worker
from retrust_flows.server import api_client

pytestmark = pytest.mark.prefect


async def emit(url: str, name: str, payload: dict[str, Any]) -> None:
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": name,
        "payload": payload,
        "resource": {"prefect.resource.id": f"test.{uuid4()}"},
        "related": [],
    }
    async with api_client() as client:
        (await client.post("/events", json=[event])).raise_for_status()


@pytest.mark.timeout(300)
async def test_an_event_of_prefects_ends_in_a_waiting_case(
    site: Campus, deployed: dict[str, str], tmp_path: Path
) -> None:
    """The log text of an event is kept, and a worker makes the plan."""
    async with worker(deployed, tmp_path):
        await emit(
            deployed["PREFECT_API_URL"],
            "retrust.log.signature",
            {"site": "campus", "holder": "primary", "text": site.lab.primary.log_text("hm")},
        )
        case = await in_state(site, "waiting", tmp_path)
    assert (case.requested_by, case.digest is not None, site.writes) == ("service", True, 0)


@pytest.mark.timeout(300)
async def test_prefects_own_command_finds_the_worker(site: Campus, deployed: dict[str, str], tmp_path: Path) -> None:
    """``prefect worker start --type retrust`` runs the same passes, and ends when it is told to."""
    await site.sight()
    async with worker(deployed, tmp_path, PREFECTS) as process:
        assert (await ended(await ordered(), tmp_path))["name"] == "Waiting"
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT):
            await process.wait()
    assert (await site.ledger.holder("campus"), site.writes) == (None, 0)


@pytest.mark.timeout(300)
async def test_nobody_chooses_what_a_worker_executes(site: Campus, deployed: dict[str, str], tmp_path: Path) -> None:
    """A run, a deployment or a pool that brings a command, an environment or code is refused, and the run says so."""
    marks = {
        "command": f"touch {tmp_path / 'commanded'}",
        "env": {"RETRUST_INVENTORY": str(tmp_path / "another.yaml")},
        "working_dir": str(tmp_path),
    }
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'commanded')!r}, 'w')")
    async with api_client() as client:
        remediate = (await client.get("/deployments/name/remediate/remediate")).json()
        for name, value in marks.items():
            answer = await client.post(
                f"/deployments/{remediate['id']}/create_flow_run",
                json={"parameters": {"site": "campus"}, "job_variables": {name: value}},
            )
            assert (answer.status_code, "Additional properties" in answer.text) == (422, True), answer.text
        other = (await client.post("/flows/", json={"name": "evil"})).json()["id"]
        moved = (
            await client.post(
                "/deployments/",
                json={
                    "name": "moved",
                    "flow_id": remediate["flow_id"],
                    "work_pool_name": "retrust",
                    "parameters": {},
                    "entrypoint": f"{evil}:flow",
                    "path": str(tmp_path),
                    "pull_steps": [{"prefect.deployments.steps.run_shell_script": {"script": marks["command"]}}],
                },
            )
        ).json()["id"]
    runs = {
        await ordered(job_variables=marks): "job variables of the run: command, env, working_dir",
        await ordered(flow_id=other, deployment_id=None): "the flow evil",
        await ordered(deployment_id=moved): f"pull steps; the code location {evil}:flow",
    }
    async with worker(deployed, tmp_path):
        for run, why in runs.items():
            state = await ended(run, tmp_path)
            assert (state["name"], f"since it brings {why}:" in state["message"]) == ("Refused", True), state
        template = tmp_path / "template.json"
        template.write_text(
            json.dumps(
                {
                    "variables": {"properties": {"command": {"type": "string", "default": marks["command"]}}},
                    "job_configuration": {"command": "{{ command }}"},
                }
            )
        )
        prefect("work-pool", "update", "retrust", "--base-job-template", str(template), env=deployed, cwd=tmp_path)
        assert "template" in (await ended(await _after_a_heartbeat(), tmp_path))["message"]
    assert (await site.ledger.cases(), site.writes, (tmp_path / "commanded").exists()) == ([], 0, False)


async def _after_a_heartbeat() -> str:
    """Workers hear of a changed pool with their next heartbeat."""
    await asyncio.sleep(4)
    return await ordered()


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
    site: Campus, deployed: dict[str, str], tmp_path: Path
) -> None:
    """Without any service, a case goes on whose pass was killed with the site's lease in its hands."""
    await site.sight()
    orphan = await site.ledger.open_case("campus", cause="a test", actor="service")
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES, str(site.home))
    assert await died.wait() == -signal.SIGKILL
    assert await site.ledger.holder("campus") is not None
    prefect("deployment", "run", "sweep/sweep", env=deployed, cwd=tmp_path)  # as Prefect's scheduler does each minute
    async with worker(deployed, tmp_path):
        case = await in_state(site, "waiting", tmp_path)
    assert (case.id, case.digest is not None, site.writes) == (orphan.id, True, 0)
