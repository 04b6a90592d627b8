"""Pages where words stand behind fields, boxes and bars are drawn, and no column tells a state."""

from __future__ import annotations

import pytest

from retrust.errors import PermanentError
from retrust_plugins.cisco_prime.browser import open_pages
from retrust_plugins.cisco_prime.browser.words import status_of

pytestmark = pytest.mark.browser


async def test_drawn_fields_and_a_session_that_runs_out(start, quick, ha_request, ise_request):
    """Each value lands in its own field, also after a second login; a port is not taken for a status."""
    appliance = await start("drawn", signs_out=True)
    told = []
    async with open_pages(appliance.access(), settings=quick, progress=told.append) as pages:
        assert (await pages.ha_mode()).status == "HA Not Configured"
        outcome = await pages.register_ha(ha_request)
        added = await pages.add_ise(ise_request)
    form = dict(appliance.posts)["/api/register"]
    assert outcome.mode.status == "Primary Active"
    assert [path for path, _ in appliance.posts].count("/j_check") == 2
    assert (form["secondary"], form["key"], form["vip"]) == ("10.0.0.12", "key-Q2m&8z", "on")
    assert (form["v4"], form["v6"]) == ("10.0.0.10", "2001:db8::10")
    assert any(p.what == "Database Replication" and p.percent == 100 for p in told)
    assert added.status is None


async def test_a_failure_beside_drawn_bars_names_the_milestone(start, quick, ha_request):
    """The width of a bar without words is its percent."""
    appliance = await start("drawn", failing_milestone=1)
    async with open_pages(appliance.access(), settings=quick) as pages:
        with pytest.raises(PermanentError, match="Database Replication at 50 %"):
            await pages.register_ha(ha_request)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("PASS - Health Monitor is running on both", "passed"),
        ("Failed: database is ready", "failed"),
        ("In progress (40 %)", "pending"),
        ("Not ready - checking", "failed"),
        ("4 CPUs - 4 required", "unknown"),
    ],
)
def test_what_stands_before_the_detail_is_the_state(said, state):
    """A detail after a dash, colon or bracket does not turn a result around."""
    assert status_of(["HEALTH MONITOR STATUS", said]) == state
