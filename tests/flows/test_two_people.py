"""A change of an enterprise from end to end: a real Prefect, the lab with its pages, and two people in Chromium.

What a person may say by which path is a table in ``tests/plugins/console``; here it is one story, told once.
Pictures are kept under ``build/console`` for people to look at.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.async_api import Browser, Page, async_playwright, expect

from retrust.approval.tokens import create_token
from retrust.audit import export_case, verify_pack
from retrust.browser.chromium import ARGUMENTS, find_chromium
from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.ledger import Ledger
from retrust.testing.serving import serving
from retrust_flows.running import Runner
from retrust_flows.server import api_client
from retrust_plugins.lab import Lab, LabSettings
from retrust_plugins.lab.settings import HaSettings

pytestmark = [pytest.mark.prefect, pytest.mark.browser]

STAGES = ["detect", "list", "plan", "gates", "delete", "re-register-ha", "re-add-ise", "verify"]
PICTURES = Path(__file__).parents[2] / "build" / "console"
POLICY = {
    "accept_blind_first_use": True,
    "delete-pin": [{"gate": "people", "approvers": 1, "roles": ["network"]}],
    "interrupting": [{"gate": "people", "approvers": 2, "roles": ["network"]}],
}
REASONS = {"ann": "renewed this morning, change 42", "ben": "fingerprint read on the node's console"}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab(LabSettings(ha=HaSettings(registration_time=1.5))) as lab:
        yield lab


@pytest.fixture
async def inventory(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in lab.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "home"))
    document = yaml.safe_load(lab.inventory())
    document["people"] = {name: {"roles": ["network"]} for name in REASONS} | {"cy": {"roles": ["security"]}}
    document["sites"]["campus"]["policy"] = POLICY
    document["console"] = {"url": "https://retrust.example.com"}
    inventory = tmp_path / "retrust.yaml"
    inventory.write_text(yaml.safe_dump(document, sort_keys=False))
    monkeypatch.setenv("RETRUST_INVENTORY", str(inventory))
    return inventory


@asynccontextmanager
async def a_process(inventory: Path) -> AsyncIterator[tuple[Engine, Ledger, Runner, str]]:
    """Engine, ledger, flows and console as a service has them; nothing of it outlives the block."""
    engine = Engine.start(inventory, plugins=load_plugins())
    console = engine.plugins.apps["console"]
    async with await engine.open_ledger() as ledger, serving(console.build(engine, ledger)) as url:
        yield engine, ledger, Runner(engine, ledger, "service"), url


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS, "--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


async def sign_in(browser: Browser, url: str, token: str, page: str, **context: Any) -> Page:
    there = await (await browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | context)).new_page()
    await there.goto(url)
    await there.get_by_label("API token").fill(token)
    await there.get_by_role("button", name="Sign in").click()
    await there.goto(f"{url}{page}")
    return there


async def shoot(page: Page, name: str) -> str:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    return await page.content()


async def retried_by_hand(prefect_api: str, run: dict[str, Any]) -> dict[str, Any]:
    """What Prefect's button *Retry* does, and what a worker then does: the same run again, by its id."""
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow_async

    from retrust_flows.remediate import remediate

    async with api_client() as http, get_client() as client:
        for state in ({"type": "SCHEDULED", "name": "AwaitingRetry"}, {"type": "PENDING", "name": "Pending"}):
            answer = await http.post(f"/flow_runs/{run['id']}/set_state", json={"state": state, "force": True})
            assert answer.json()["status"] == "ACCEPT", answer.text
        again = await client.read_flow_run(run["id"])
        await run_flow_async(remediate, flow_run=again, parameters=run["parameters"], return_type="state")
        found: dict[str, Any] = (await http.get(f"/flow_runs/{run['id']}")).json()
        return found


async def of_prefect(prefect_api: str) -> dict[str, str]:
    """All that Prefect keeps, as text."""
    async with api_client() as http:
        return {
            what: (await http.post(f"/{what}/filter", json={"limit": 200})).text
            for what in ("flow_runs", "task_runs", "logs", "artifacts")
        }


async def timelines(prefect_api: str, case: str, since: str) -> list[tuple[str, list[str]]]:
    """Of each run of a case, by its start: how it ended, and its tasks in the order in which they started.

    ``since`` is when the first of them was made: other tests on the same server have cases of the same number.
    """
    async with api_client() as http:
        wanted = {"flow_runs": {"tags": {"all_": [f"case:{case}"]}}, "sort": "START_TIME_ASC"}
        found = []
        for run in (await http.post("/flow_runs/filter", json=wanted)).json():
            if run["created"] < since:
                continue
            of_run = {"flow_runs": {"id": {"any_": [run["id"]]}}}
            tasks = (await http.post("/task_runs/filter", json=of_run)).json()
            tasks.sort(key=lambda task: task["start_time"] or "")
            found.append((run["state"]["name"], [task["name"].rsplit("-", 1)[0] for task in tasks]))
        return found


async def test_from_an_open_case_to_a_healed_site(prefect_api: str, lab: Lab, inventory: Path, tmp_path: Path) -> None:
    """No run opens a gate, by itself or by hand; two people do, over a restart, and follow it until it is healed."""
    pin, pages, tokens = f"{lab.secondary.host}_8082", [], {}
    async with chromium() as browser:
        async with a_process(inventory) as (engine, ledger, runner, url):
            assert (await runner.one_pass("campus")).outcome == "healthy"
            await lab.secondary.renew()
            await lab.until(lambda: lab.primary.ha.mode == "HA Not Configured", "the pair notices")
            first = await runner.one_pass("campus")
            assert first.outcome == "waiting"
            assert first.case is not None
            kept = await of_prefect(prefect_api)
            assert f"https://retrust.example.com/cases/{first.case_id}" in kept["artifacts"]
            async with api_client() as http:
                run = max(
                    (
                        r
                        for r in (await http.post("/flow_runs/filter", json={})).json()
                        if f"case:{first.case_id}" in r["tags"]
                    ),
                    key=lambda r: r["created"],
                )
            assert (await retried_by_hand(prefect_api, run))["state"]["name"] == "Waiting"
            assert lab.primary.deletes_sent(pin) == 0
            for name in REASONS:
                _, tokens[name] = await create_token(
                    ledger, engine.inventory, name, actor="person:admin", lasts=timedelta(hours=1)
                )
            ann = await sign_in(browser, url, tokens["ann"], f"/cases/{first.case_id}")
            await ann.get_by_label("Reason").first.fill(REASONS["ann"])
            await ann.get_by_role("button", name="Approve").click()
            await expect(ann.get_by_role("status")).to_have_text("Your yes is recorded.")
            pages.append(await shoot(ann, "story-one-of-two"))
            assert (await runner.one_pass("campus")).outcome == "waiting"
            assert lab.primary.deletes_sent(pin) == 0
        async with a_process(inventory) as (engine, ledger, runner, url):
            ben = await sign_in(browser, url, tokens["ben"], f"/cases/{first.case_id}")
            await ben.get_by_label("Reason").first.fill(REASONS["ben"])
            await ben.get_by_role("button", name="Approve").click()
            await expect(ben.get_by_role("heading", level=1)).to_have_text("Approved")
            going = asyncio.create_task(runner.one_pass("campus"))
            bars = ben.locator(".milestones li")
            await expect(bars.filter(has_text="Database Replication")).to_be_visible(timeout=60_000)
            pages.append(await shoot(ben, "story-registering"))
            healed = await going
            assert (healed.outcome, healed.case_id) == ("healed", first.case_id), healed
            await expect(ben.get_by_role("heading", level=1)).to_have_text("Healed")
            await expect(bars.filter(has_text="100 %")).to_have_count(3)
            await ben.reload()
            pages.append(await shoot(ben, "story-healed"))
            await ben.goto(f"{url}/sites")
            await expect(ben.locator(".pill.v-stale")).to_have_count(0)
            pages.append(await shoot(ben, "story-sites"))
            assert await timelines(prefect_api, first.case_id, run["created"]) == [
                ("Waiting", STAGES[:4] * 2),
                ("Waiting", STAGES[:4]),
                ("Healed", STAGES),
            ]
            assert (await retried_by_hand(prefect_api, run))["state"]["name"] == "Healthy"
            assert (lab.primary.deletes_sent(pin), lab.primary.ha.registrations) == (1, 1)
            pack = tmp_path / "pack.zip"
            await export_case(ledger, healed.case_id, pack)
            assert verify_pack(pack).ok
    kept = await of_prefect(prefect_api)
    assert "progress-database-replication-campus" in kept["artifacts"]
    with closing(sqlite3.connect(tmp_path / "home" / "ledger.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    home = b"".join(p.read_bytes() for p in (tmp_path / "home").rglob("*") if p.is_file())
    for secret in [*lab.secrets.values(), *(token.split("_", 2)[2] for token in tokens.values())]:
        assert all(secret not in text for text in [*pages, *kept.values()])
        assert secret.encode() not in home + pack.read_bytes()
