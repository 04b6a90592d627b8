"""Knowing when a page changes and when it is done, in a real browser."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, async_playwright

from retrust.browser.changes import Changes
from retrust.browser.chromium import ARGUMENTS, find_chromium, without_sandbox

pytestmark = pytest.mark.browser
LONG = 30.0


@pytest.fixture
async def watched():
    """A page of a browser, and what is known of its changes."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=[*ARGUMENTS, *without_sandbox()]
        )
        context, changes = await browser.new_context(), Changes()
        changes.watch(context)
        yield await context.new_page(), changes
        await browser.close()


async def until_still(changes):
    async with asyncio.timeout(LONG):
        while not changes.still(0.2):
            await changes.after(changes.count, 0.05)


@pytest.mark.parametrize("where", ["document", "document.querySelector('iframe').contentDocument"])
@pytest.mark.parametrize("what", ["body.append('more')", "body.title = 'more'", "body.firstChild.data = 'more'"])
async def test_a_change_in_any_document_is_told(watched, where, what):
    """Of its tree, its attributes or its texts, whenever it comes."""
    page, changes = watched
    await page.set_content("page<iframe srcdoc='frame'></iframe>")
    await page.frame_locator("iframe").get_by_text("frame").wait_for()
    await until_still(changes)
    seen = changes.count
    await page.evaluate(f"setTimeout(() => {{ {where}.{what}; }}, 100)")
    await changes.after(seen, LONG)
    assert changes.count > seen


async def test_a_new_window_is_watched_too(watched):
    """What a window that the page opens does is told."""
    page, changes = watched
    async with page.expect_popup() as opening:
        await page.evaluate("window.open('about:blank')")
    popup = await opening.value
    await until_still(changes)
    seen = changes.count
    await popup.evaluate("setTimeout(() => document.body.append('more'), 100)")
    await changes.after(seen, LONG)
    assert changes.count > seen


async def test_a_page_that_waits_for_an_answer_is_not_done(watched):
    """It is done once every request has ended, and nothing changed for a while."""
    page, changes = watched
    answer = asyncio.Event()

    async def hold(route: Route) -> None:
        await answer.wait()
        await route.fulfill(body="late")

    await page.route("**/slow", hold)
    asked = asyncio.ensure_future(page.wait_for_event("request"))
    await page.evaluate("void fetch('http://127.0.0.1:9/slow').catch(() => 0)")
    await asked
    assert not changes.still(0.0)
    answer.set()
    await until_still(changes)


async def test_the_page_cannot_see_that_it_is_watched(watched):
    """The script's world is not the page's."""
    page, changes = watched
    await page.set_content("page")
    await until_still(changes)
    assert await page.evaluate("Object.getOwnPropertyNames(window).filter((name) => /retrust/i.test(name))") == []
