"""Chromium as people use the console with it. Pictures are kept under ``build/console`` for people to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

PICTURES = Path(__file__).parents[2] / "build" / "console"
SIZES = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


async def sign_in(browser: Browser, url: str, token: str, **context: Any) -> Page:
    page = await (await browser.new_context(**{"viewport": SIZES["desk"]} | context)).new_page()
    await page.goto(url)
    await page.get_by_label("API token").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    return page


async def shoot(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
