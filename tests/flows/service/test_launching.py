"""Handing passes to a work pool, on a real Prefect server: asked twice it is one run, and runs do not pile up."""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import pytest

from retrust.errors import PermanentError
from retrust_flows.server import api_client
from retrust_flows.service.emitting import Emitter
from retrust_flows.service.launching import Order, WorkPool

pytestmark = pytest.mark.prefect


@pytest.fixture
async def pool(prefect_api: str) -> WorkPool:
    """A deployment of the flow on a pool without workers."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    from retrust_flows.remediate import remediate

    name = f"pool-{uuid4().hex[:8]}"
    async with get_client() as client:
        flow = await client.create_flow(remediate)
        await client.create_work_pool(WorkPoolCreate(name=name, type="retrust"))
        await client.create_deployment(flow, name, work_pool_name=name)
    return WorkPool(f"remediate/{name}")


async def runs(url: str, site: str) -> list[dict[str, Any]]:
    async with api_client() as client:
        found = (await client.post("/flow_runs/filter", json={"sort": "START_TIME_ASC"})).json()
    return [run for run in found if run["parameters"].get("site") == site]


def order(site: str, seq: int = 7) -> Order:
    return Order(site, "c1", f"{site}:c1:{seq}", "a test")


async def test_a_pass_ordered_twice_is_one_run(prefect_api: str, pool: WorkPool) -> None:
    """Also by a service that was restarted in between, and remembers nothing."""
    site, another = uuid4().hex, WorkPool(pool._deployment)
    await pool.launch(order(site))
    await another.launch(order(site))
    (run,) = await runs(prefect_api, site)
    assert (run["tags"], run["parameters"]) == (["case:c1"], {"site": site})


async def test_without_workers_runs_do_not_pile_up(prefect_api: str, pool: WorkPool) -> None:
    """While the last run of a site waits for a worker, no further one is made, whatever happens."""
    site = uuid4().hex
    for seq in range(5):
        await pool.launch(order(site, seq))
    assert len(await runs(prefect_api, site)) == 1


async def test_a_run_that_left_no_trace_is_followed_by_another(prefect_api: str, pool: WorkPool) -> None:
    """It ended before it wrote anything; the same order then makes a new run."""
    site = uuid4().hex
    await pool.launch(order(site))
    (run,) = await runs(prefect_api, site)
    async with api_client() as client:
        crashed = {"state": {"type": "CRASHED", "name": "Crashed"}, "force": True}
        (await client.post(f"/flow_runs/{run['id']}/set_state", json=crashed)).raise_for_status()
    await pool.launch(order(site))
    assert len(await runs(prefect_api, site)) == 2


async def test_a_missing_deployment_is_told_with_what_to_do(prefect_api: str) -> None:
    """Nothing is made up in its place."""
    with pytest.raises(PermanentError, match="prefect deploy"):
        await WorkPool("remediate/nobody-deployed-this").launch(order("campus"))


async def test_what_happens_to_a_case_is_emitted(prefect_api: str) -> None:
    """Others in the Prefect ecosystem hear of it, once however often it is told."""
    import asyncio

    from retrust.ledger.entries import CaseOpened
    from retrust.testing.ledgers import NOON, an_entry

    assert os.environ["PREFECT_API_URL"] == prefect_api
    case = f"c{uuid4().int % 10**9}"
    entry = an_entry(CaseOpened(cause="x"), at=NOON.replace(year=2026), case=case, hash=case)
    emitter = Emitter()
    emitter.take(entry)
    emitter.take(entry)
    sending = asyncio.create_task(emitter.run())
    async with asyncio.timeout(60), api_client() as client:
        while True:
            found = (
                await client.post(
                    "/events/filter",
                    json={
                        "filter": {
                            "event": {"name": ["retrust.case.opened"]},
                            "resource": {"id": [f"retrust.case.{case}"]},
                            "occurred": {"since": "2020-01-01T00:00:00Z"},
                        }
                    },
                )
            ).json()["events"]
            if found:
                break
            await asyncio.sleep(0.1)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert [(e["event"], e["payload"]["site"]) for e in found] == [("retrust.case.opened", "campus")]
