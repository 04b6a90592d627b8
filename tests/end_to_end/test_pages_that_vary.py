"""The whole heal through pages that are slow, half filled, or lose their session; few runs cover all of it."""

from __future__ import annotations

import pytest

from kit.campus import quick_lab
from retrust_plugins.lab import IseSettings, PageSettings

pytestmark = pytest.mark.browser

LATE = PageSettings(
    after_login="continue",
    ha_delay=0.6,
    mode_delay=1.4,
    readiness_delay=0.1,
    milestones_stay=False,
    status_delay=0.8,
    ise_awaited="",
)
LOST = PageSettings(
    after_login="session",
    ends_session=("ha-page", "readiness", "milestones", "ise-list", "ise-form"),
    readiness_first="refused",
)
LOST_WHEN_PRESSED = PageSettings(
    after_login="expiring",
    ends_session=("register-done", "save-done"),
    lost_session="silent",
    menu="hover",
    mode_delay=1.0,
    mode_awaited="Loading...",
    ha_entries="tabs",
    ise_buttons="link",
    ise_awaited="-",
)


def by_browser(site):
    site["ha"]["driver"] = "browser"
    site["timeouts"] |= {"page": 12, "still": 0.5, "settle": 8, "registration": 60}


@pytest.mark.parametrize("pages", [LATE, LOST, LOST_WHEN_PRESSED], ids=["late", "lost", "lost-when-pressed"])
async def test_heals(pages, start):
    """One registration, one ISE server, however the pages behave; the run ends healed."""
    settings = quick_lab(web=True, ise=(IseSettings(),))
    settings.primary.pages = pages
    settings.ha.registration_time = 2.0
    site = await start(settings, change=by_browser)
    await site.settle_in()
    await site.break_trust("secondary")
    ise = site.lab.ise[0]
    await ise.renew()
    await site.lab.until(lambda: "CN=ISE-server" in site.lab.primary.log_text("ncs"), "the primary notices ISE")
    await site.sight("primary", role="ise", dn="CN=ISE-server")
    ended = await site.heal(accept_unproven=True)
    assert ended.outcome == "healed"
    assert site.lab.primary.ha.registrations == 1
    assert [entry.address for entry in site.lab.primary.ise_servers.entries] == [ise.host]
    assert site.lab.primary.web_answers == []
    await site.lab.until(lambda: site.lab.healthy, "the lab is healthy")
