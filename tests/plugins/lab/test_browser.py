"""The pages in a real browser: the whole re-registration by words alone, in two skins of the same appliance."""

from __future__ import annotations

import re
import shutil

import pytest
from playwright.async_api import Page, async_playwright

from retrust_plugins.lab import LabSettings, PageSettings
from retrust_plugins.lab.settings import MILESTONES, HaSettings

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

CLASSIC = PageSettings(popup_delay=0.05)
OTHER = PageSettings(
    menu="hover",
    popup=False,
    ha_entries="tabs",
    failover="select",
    readiness_first="refused",
    ise_labels=("Server Address", "Username", "Password", "Confirm Password"),
    ise_port_field=False,
    ise_buttons="link",
    label_mark=":",
)

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in the path")]


@pytest.fixture
async def page():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(ignore_https_errors=True)
        page.set_default_timeout(10_000)
        yield page
        await browser.close()


async def _log_in(page: Page, lab) -> None:
    await page.goto(f"https://{lab.primary.host}:{lab.primary.web.port}/")
    await page.locator("[name=j_username]").fill(lab.primary.web_username)
    await page.locator("[name=j_password]").fill(lab.primary.web_password)
    await page.get_by_role("button", name="Login").click()
    if lab.primary.settings.pages.popup:
        await page.get_by_role("dialog").get_by_title("Close").click()


async def _go(page: Page, *path: str) -> None:
    for word in path:
        entry = page.get_by_text(word, exact=True).locator("visible=true")
        await entry.hover()
        await entry.click()


def _field(page, label: str):
    row = page.locator("tr").filter(has_text=re.compile(rf"^\s*{label}[:* ]*\s*$"))
    return row.locator("visible=true").locator("input")


async def _check_readiness(page: Page) -> dict[str, str]:
    await page.get_by_role("button", name="Check Readiness").click()
    dialog = page.get_by_role("dialog")
    await dialog.wait_for()
    rows = [await row.locator("td").all_inner_texts() for row in await dialog.locator("tr:has(td)").all()]
    await dialog.get_by_role("button", name="OK").click()
    return dict(rows)


@pytest.mark.parametrize("skin", [CLASSIC, OTHER], ids=["classic", "other"])
async def test_the_documented_procedure(start, page, skin):
    """HA is registered and ISE added again by words alone; then a session that is over leads to the login."""
    lab = await start(LabSettings(ha=HaSettings(registration_time=0.5)).with_nodes(pages=skin))
    await lab.secondary.renew()
    await lab.ise[0].renew()
    await lab.until(lambda: lab.primary.ha.mode == "HA Not Configured", "HA is lost")
    await lab.until(lambda: "CN=ISE-server" in lab.primary.log_text("ncs"), "ISE is lost")
    lab.primary.ha.registered = None
    await _log_in(page, lab)
    await _register(page, lab)
    assert (lab.primary.ha.registered.failover, lab.primary.ha.registered.virtual) == ("Automatic", True)
    await _add_ise(page, lab)
    await lab.until(lambda: lab.healthy, "HA and ISE are healthy")

    await _go(page, "Administration", "Settings", "High Availability")
    await page.get_by_text("HA Status", exact=True).wait_for()
    lab.primary.web_sessions.clear()
    await page.wait_for_url("**/login.jsp")


async def _register(page: Page, lab) -> None:
    """Readiness fails on the stale pin and passes without it; milestones end at 100 %, the mode is shown."""
    await _go(page, "Administration", "Settings", "High Availability")
    assert await page.locator(".modeValue >> visible=true").inner_text() == "HA Not Configured"
    await page.get_by_text("HA Configuration", exact=True).click()
    await _fill_in(page, lab)
    register = page.get_by_role("button", name="Register")

    assert (await _check_readiness(page))["HEALTH MONITOR STATUS"] == "Fail"
    assert await register.is_disabled() is (lab.primary.settings.pages.readiness_first == "disabled")
    await lab.primary.tofu.delete(lab.secondary.key)
    assert set((await _check_readiness(page)).values()) == {"Pass"}
    await register.click()
    await page.locator(".modeValue >> visible=true", has_text="Primary Active").wait_for()
    bars = {
        name: await page.locator("tr", has_text=name).get_by_role("progressbar").get_attribute("aria-valuenow")
        for name in MILESTONES
    }
    assert bars == dict.fromkeys(MILESTONES, "100")


async def _fill_in(page: Page, lab) -> None:
    await _field(page, "Secondary Server").fill(lab.secondary.host)
    await _field(page, "Authentication Key").fill(lab.authentication_key)
    if lab.primary.settings.pages.failover == "select":
        await page.locator("select").select_option(label="Automatic")
    else:
        await page.get_by_label("Automatic").check()
    await _field(page, "Enable Virtual IP").check()
    await _field(page, "IPV4 Virtual IP").fill(lab.primary.host.rsplit(".", 1)[0] + ".100")


async def _add_ise(page: Page, lab) -> None:
    """The legacy page in its frame: a refused password is said, the right one leads to the list."""
    ise, pages = lab.ise[0], lab.primary.settings.pages
    await lab.primary.tofu.delete(f"{ise.host}_{ise.port}")
    await _go(page, "Administration", "Servers", "ISE Servers")
    frame = page.frame_locator("iframe")
    await frame.locator("select").select_option(label="Add ISE Server")
    await frame.get_by_role("link" if pages.ise_buttons == "link" else "button", name="Go", exact=True).click()
    await _field(frame, pages.ise_labels[0]).fill(ise.host)
    await _field(frame, pages.ise_labels[1]).fill(ise.username)
    for password, outcome in (("wrong", "with these credentials"), (ise.password, "Select a command")):
        await _field(frame, pages.ise_labels[2]).fill(password)
        await _field(frame, pages.ise_labels[3]).fill(password)
        role = "link" if pages.ise_buttons == "link" else "button"
        pages.ise_buttons = "span"  # the form that comes back has the third kind of button
        await frame.get_by_role(role, name="Save", exact=True).click()
        await frame.get_by_text(outcome).wait_for(state="attached")
