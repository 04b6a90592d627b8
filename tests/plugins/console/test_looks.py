"""How each page looks: every state of a case, both sizes, both themes, and what axe says of it."""

from __future__ import annotations

import itertools

import pytest
from playwright.async_api import Browser

from kit.browsing import SIZES, shoot, sign_in
from kit.scenes import NIGHT, POLICY, a_night
from retrust.testing.serving import serving

pytestmark = pytest.mark.browser
PAGES = {
    "overview": "/",
    "cases": "/cases?state=all",
    "sites": "/sites",
    "site": "/sites/campus",
    "site-unseen": "/sites/depot",
    "audit": "/audit",
    "entry": "/audit/4",
    "not-found": "/cases/campus-9",
    "wrong-input": "/cases?state=odd",
}
SUNDAYS = {
    "gate": "window",
    "timezone": "UTC",
    "calendar": [{"start": "2020-01-05 02:00", "duration": "4h", "rrule": "FREQ=WEEKLY"}],
}
NARROWEST = {"width": 360, "height": 740}


async def test_every_page_looks_right(make_world, browser: Browser) -> None:
    """axe finds nothing on any page, light or dark, at a desk or on a phone; none is wider than a small phone."""
    from axe_playwright_python.async_playwright import Axe

    world = await make_world(sites=NIGHT, policy=POLICY | {"interrupting": [*POLICY["interrupting"], SUNDAYS]})
    cases = await a_night(world.ledger, world.engine.home)
    known = world.engine.inventory.sites
    known["depot"] = known["depot"].model_copy(update={"maintenance": True})
    pages = {f"case-{state}": f"/cases/{case.id}" for state, case in cases.items()} | PAGES
    token = await world.token("ann")
    async with serving(world.app) as url:
        for scheme, (device, size) in itertools.product(("light", "dark"), SIZES.items()):
            page = await sign_in(browser, url, token, color_scheme=scheme, viewport=size, bypass_csp=True)
            for name, path in pages.items():
                await page.goto(url + path)
                await shoot(page, f"{name}-{device}-{scheme}")
                found = (await Axe().run(page)).response["violations"]
                assert not [(v["id"], [n["html"] for n in v["nodes"]]) for v in found], path
                if device == "phone":
                    await page.set_viewport_size(NARROWEST)
                    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    assert wide <= 0, f"{path} scrolls sideways by {wide}px"
                    await page.set_viewport_size(size)
