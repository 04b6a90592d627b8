"""The same work on pages of seven designs that have no markup in common; the last three fill their values late."""

from __future__ import annotations

import pytest

from retrust_plugins.cisco_prime.browser import open_pages

SKINS = ("native", "dojo", "legacy", "divs", "cards", "split", "boxes")
pytestmark = pytest.mark.browser


@pytest.mark.parametrize("skin", SKINS)
async def test_registers_ha_and_adds_ise(skin, start, quick, ha_request, ise_request, tmp_path):
    """Every documented field arrives, progress is told, and success is read from the pages."""
    appliance = await start(skin, step=100 if skin == "legacy" else 50)  # legacy moves by reloads only
    told, sent = [], []

    async def before_send() -> None:
        sent.append([path for path, _ in appliance.posts])

    async with open_pages(appliance.access(), settings=quick, progress=told.append, shots=tmp_path) as pages:
        before = await pages.ha_mode()
        outcome = await pages.register_ha(ha_request, before_send=before_send)
        added = await pages.add_ise(ise_request, before_send=before_send)

    assert (before.status, before.healthy) == ("HA Not Configured", False)
    assert (outcome.mode.status, outcome.mode.healthy) == ("Primary Active", True)
    assert len(outcome.readiness) == 6
    form = dict(appliance.posts)["/api/register"]
    assert form["secondary"] == "10.0.0.12"
    assert form["key"] == "key-Q2m&8z"
    assert form["email"] == "noc@example.com,ops@example.com"
    assert form["failover"][0].lower() == "m"
    assert (form["vip"], form["v4"], form["v6"]) == ("on", "10.0.0.10", "2001:db8::10")
    assert (added.status, added.healthy) == ("Reachable", True)
    server = dict(appliance.posts)["/api/ise"]
    assert (server["host"], server["user"]) == ("10.0.0.21", "admin")
    assert server["pw"] == server["pw2"] == "ise-V5t%3w"
    assert server.get("port", "9443") == "9443"
    assert "/api/register" not in sent[0]
    assert "/api/ise" not in sent[1]
    seen = [p.what for p in told if p.percent is not None]
    assert "Database Replication" in seen
