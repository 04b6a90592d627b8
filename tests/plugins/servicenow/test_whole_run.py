"""A change request from the first pass to the healed site: against the lab, through every trouble and restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kit.campus import Campus, campus, one_pass, person_at_the_pages
from retrust.audit import verify_pack
from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.runs.endings import Ended
from retrust.testing.fake_servicenow import FakeServiceNow

TROUBLES = ("401", "429", "500", "silent")


@pytest.fixture
async def snow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeServiceNow]:
    fake = FakeServiceNow()
    monkeypatch.setenv("SNOW_PASSWORD", fake.password)
    monkeypatch.setattr("retrust_plugins.servicenow.client.TIMEOUT", 0.3)
    async with fake.serving():
        yield fake


@pytest.fixture
async def site(tmp_path: Path, snow: FakeServiceNow) -> AsyncIterator[Campus]:
    ticket = {"gate": "ticket", "url": snow.url, "username": snow.username, "password": "env:SNOW_PASSWORD"}

    def by_ticket(site: dict[str, Any]) -> None:
        site["policy"] = {"delete-pin": [ticket], "interrupting": [ticket]}

    async with campus(tmp_path, change=by_ticket) as site:
        await site.settle_in()
        await site.break_trust("secondary")
        yield site


async def a_pass_of_a_new_process(site: Campus) -> Ended:
    """Engine, plugins and ledger anew: nothing is remembered but what is written."""
    engine = replace(Engine.start(site.inventory, plugins=load_plugins()), home=site.home)
    async with await engine.open_ledger() as ledger:
        return await one_pass(
            engine, ledger, engine.site("campus"), actor="service", tell=person_at_the_pages(site.lab)
        )


async def test_from_a_shut_instance_to_a_healed_site(site: Campus, snow: FakeServiceNow, tmp_path: Path) -> None:
    """In no trouble does anything pass or get lost; approved there, the site is healed and the ticket tells it."""
    for trouble in TROUBLES:
        snow.always = trouble  # type: ignore[assignment]
        waiting = await a_pass_of_a_new_process(site)
        assert (waiting.outcome, waiting.gates[0].state, site.writes) == ("waiting", "shut", 0), trouble
        assert snow.records == {}
    snow.always = None
    asked = await a_pass_of_a_new_process(site)
    assert asked.case is not None
    assert asked.plan is not None
    assert (asked.case.id, asked.outcome) == (waiting.case and waiting.case.id, "waiting")
    (record,) = snow.records.values()
    assert asked.plan.digest in record["description"]
    snow.approve()
    for trouble in TROUBLES:
        snow.always = trouble  # type: ignore[assignment]
        assert (await a_pass_of_a_new_process(site)).outcome == "waiting", f"approved there, but {trouble} here"
    assert site.writes == 0
    snow.always = None
    healed = await a_pass_of_a_new_process(site)
    assert (healed.outcome, healed.case and healed.case.id) == ("healed", asked.case.id)
    assert site.deletes() == {"primary": 1, "secondary": 0}
    assert len(snow.records) == 1
    (lines,) = snow.journal.values()
    assert any("healed" in line for line in lines), lines
    (attached,) = snow.attachments
    pack = tmp_path / "pack.zip"
    pack.write_bytes(attached.content)
    assert verify_pack(pack).ok


async def test_rejected_there_nothing_is_done(site: Campus, snow: FakeServiceNow) -> None:
    """A change request that was rejected closes the gate, and no later pass opens it."""
    await a_pass_of_a_new_process(site)
    snow.reject()
    for _ in range(2):
        ended = await a_pass_of_a_new_process(site)
        assert (ended.outcome, ended.gates[0].state) == ("waiting", "closed")
    assert site.writes == 0
