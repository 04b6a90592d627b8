"""The flow on a real Prefect server, against the lab: what its runs cannot do; the story is ``test_two_people``'s."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrust.approval.decisions import Attendance
from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.ledger import Ledger
from retrust_flows.running import Runner
from retrust_flows.server import api_client
from retrust_plugins.lab import Lab

pytestmark = pytest.mark.prefect


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """A pair whose secondary was renewed, so that HA is broken; nobody can look at its pages."""
    async with Lab() as lab:
        await lab.secondary.renew()
        await lab.until(lambda: lab.primary.ha.mode == "HA Not Configured", "the pair notices")
        yield lab


@pytest.fixture
async def runner(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runner]:
    """A runner whose operator, at the pages, is the lab itself."""
    for name, value in lab.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "home"))
    inventory = tmp_path / "retrust.yaml"
    inventory.write_text(lab.inventory())
    monkeypatch.setenv("RETRUST_INVENTORY", str(inventory))
    engine = Engine.start(plugins=load_plugins())
    async with await engine.open_ledger() as ledger:
        await _sight(engine, ledger, lab)
        yield Runner(engine, ledger, "person:ann")


async def _sight(engine: Engine, ledger: Ledger, lab: Lab) -> None:
    from datetime import UTC, datetime
    from io import BytesIO

    from retrust.logs.scanner import scan_stream
    from retrust.sources import sighting_of as sighting

    now = datetime.now(UTC)
    matches = scan_stream(BytesIO(lab.primary.log_text("hm").encode()), engine.plugins.log_signatures.values())
    await ledger.sight_many(
        [
            sighting(m, source="hm-0-0.log", site=None, holder=None, received=now, newest=now, by="person:ann")
            for m in matches
        ]
    )


async def test_a_run_started_by_hand_opens_no_gate(prefect_api: str, runner: Runner, lab: Lab) -> None:
    """The flow takes a site and nothing else: no decision can come in as a parameter."""
    from retrust_flows.remediate import remediate

    assert list(inspect.signature(remediate.fn).parameters) == ["site"]
    state = await remediate("campus", return_state=True)
    assert state.name == "Waiting"
    assert lab.primary.deletes_sent(f"{lab.secondary.host}_8082") == 0


async def test_a_failure_is_the_runs_and_names_the_node(prefect_api: str, runner: Runner, lab: Lab) -> None:
    """A node that cannot be reached fails the run with an error that names it."""
    await lab.secondary.power_off()
    ended = await runner.one_pass("campus", Attendance("person:ann", yes=True, accept_unproven=True))
    assert (ended.outcome, ended.exit_code) == ("failed", 1)
    assert ended.error is not None
    assert ended.error.where == "secondary"


async def test_no_secret_reaches_prefect(prefect_api: str, runner: Runner, lab: Lab) -> None:
    """No planted secret is in any run, task, log or artifact that Prefect keeps."""
    await runner.one_pass("campus")
    async with api_client() as client:
        kept = [
            (await client.post(f"/{what}/filter", json={})).text
            for what in ("flow_runs", "task_runs", "logs", "artifacts")
        ]
    assert all(secret not in text for secret in lab.secrets.values() for text in kept)
    assert any("plan-campus" in text for text in kept)
