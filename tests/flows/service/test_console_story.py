"""A night with the console: a run fails, a person removes the cause and tries again, two people approve, it heals.

The lab, the service and Chromium are real. Pictures are kept under ``build/console``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml
from playwright.async_api import async_playwright, expect

from kit.browsing import shoot, sign_in
from kit.campus import Campus
from retrust.approval import create_token
from retrust.browser.chromium import ARGUMENTS, find_chromium

pytestmark = pytest.mark.browser
PEOPLE = {"ann": {"roles": ["network"]}, "ben": {"roles": ["network"]}}


async def test_a_night(start: Callable[..., Awaitable[Campus]], serving: Any) -> None:
    """Overview, failed case, *Try again*, two decisions on two pages, and the healed case, each page by itself."""
    site = await start()
    await site.settle_in()
    document = yaml.safe_load(site.inventory.read_text())
    document["people"] = PEOPLE
    document["sites"]["campus"]["policy"] = {"accept_blind_first_use": True}
    site.inventory.write_text(yaml.safe_dump(document, sort_keys=False))
    site.lab.secondary.settings.session.refuse_password = True
    async with serving(site) as now, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS, "--no-sandbox"])
        try:
            pages = {}
            for name in PEOPLE:
                _, token = await create_token(
                    now.ledger, now.service.engine.inventory, name, actor="person:admin", lasts=timedelta(hours=1)
                )
                pages[name] = await sign_in(browser, now.service.url, token)
            ann, ben = pages.values()
            await expect(ann.get_by_role("heading", level=1)).to_have_text("Nothing needs you")
            await site.break_trust("secondary")
            await site.sight()
            failed = await now.case("failed")
            await expect(ann.get_by_role("heading", level=1)).to_have_text("1 case needs you")
            await shoot(ann, "story-1-overview")
            await ann.get_by_role("link", name=failed.id, exact=True).first.click()
            await expect(ann.get_by_role("heading", level=1)).to_have_text("Failed")
            await shoot(ann, "story-2-failed")
            site.lab.secondary.settings.session.refuse_password = False
            await ann.get_by_role("button", name="Try again").click()
            await expect(ann.get_by_role("heading", level=1)).to_have_text("Waiting for your decision")
            await shoot(ann, "story-3-waiting")
            await ben.goto(f"{now.service.url}/cases/{failed.id}")
            for page in (ann, ben):
                await page.get_by_label("Reason").first.fill("renewed this morning, change 42")
                await page.get_by_role("button", name="Approve this plan").click()
                await expect(page.get_by_role("status")).to_have_text("Your yes is recorded.")
            healed = await now.case("healed")
            await expect(ann.get_by_role("heading", level=1)).to_have_text("Healed")
            await expect(ann.locator(".pill.v-stale")).to_have_count(0)
            await shoot(ann, "story-4-healed")
            asked = await now.ledger.entries(kinds=["look-asked"])
            assert ([e.actor for e in asked], healed.requested_by) == (["person:ann"], "service")
        finally:
            await browser.close()
