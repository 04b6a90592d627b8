"""How a worker's pass ends that is cut short in the middle of its writes, and how another one goes on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.campus import Campus, campus, quick_lab
from kit.pool import LIMIT, ended, in_state, ordered, prefect, until, worker
from retrust.approval.decisions import Speaker, approve
from retrust_flows.server import api_client
from retrust_plugins.lab.settings import HaSettings

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]

ALICE = Speaker("person:alice", at_terminal=True)
SLOW = 4.0
"""Seconds of the first delete, in which the pass is cut short."""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Campus]:
    """Two deletes are to be sent and approved; afterwards the pair is active again by itself."""
    settings = quick_lab(ha=HaSettings(loss_mode="Primary Lost Secondary", loss_recovers=True))
    async with campus(tmp_path, settings) as site:
        await site.settle_in()
        await site.break_trust("primary", "secondary")
        await site.sight("primary")
        await site.sight("secondary")
        waiting = await site.run()
        assert waiting.case is not None
        await approve(site.engine, site.ledger, waiting.case.id, ALICE, reason="renewed this morning")
        for node in site.lab.primes:
            node.settings.terminal.delays["ncs certvalidation tofu-certs deletecert"] = SLOW
        yield site


async def in_a_delete(site: Campus, folder: Path) -> None:
    """Until the first delete is under way; the next ones are quick."""
    await until(lambda: phases(site, "started"), folder)
    for node in site.lab.primes:
        node.settings.terminal.delays.clear()


async def phases(site: Campus, phase: str) -> list[str]:
    case = await site.ledger.open_case_of("campus")
    steps = await site.ledger.steps(case.id) if case else []
    return [record.step for record in steps if record.phase == phase]


async def test_a_run_cancelled_in_prefect_ends_before_its_next_write(
    site: Campus, deployed: dict[str, str], tmp_path: Path
) -> None:
    """The delete that is under way is seen through, the next one is not sent, and the case waits for a person."""
    async with worker(deployed, tmp_path), api_client() as client:
        run = await ordered()
        await in_a_delete(site, tmp_path)
        asked = await client.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "CANCELLING"}})
        assert asked.json()["status"] == "ACCEPT", asked.text
        state = await ended(run, tmp_path)
    assert (state["type"], "was cancelled in Prefect: nothing more is sent. Sent: " in state["message"]) == (
        "CANCELLED",
        True,
    ), state
    case = await in_state(site, "waiting", tmp_path)
    assert (sum(site.deletes().values()), len(await phases(site, "sent"))) == (1, 1)
    assert any("was cancelled in Prefect" in entry.text for entry in await site.ledger.entries(case=case.id))
    assert await site.ledger.holder("campus") is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
async def test_another_worker_goes_on_where_one_was_ended(
    site: Campus, deployed: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    """Stopped, a worker hands the site back before its next write; killed, the sweep takes over.

    What took effect is sent once. The lab drops a delete whose session ended before it took effect: it is sent again.
    """
    async with worker(deployed, tmp_path) as first:
        run = await ordered()
        await in_a_delete(site, tmp_path)
        first.send_signal(number)
        async with asyncio.timeout(LIMIT):
            code = await first.wait()
        stopped = number is signal.SIGTERM
        assert code == (0 if stopped else -number)
        assert ((await site.ledger.holder("campus")) is None) is stopped
        assert len(await phases(site, "sent")) == int(stopped)
    if stopped:
        assert (await ended(run, tmp_path))["name"] == "Crashed"
    prefect("deployment", "run", "sweep/sweep", env=deployed, cwd=tmp_path)
    async with worker(deployed, tmp_path):
        await in_state(site, "healed", tmp_path)
    assert site.deletes() == {"primary": 1 if stopped else 2, "secondary": 1}
