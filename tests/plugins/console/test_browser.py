"""The console in a real Chromium: from a case that waits to one that two people approved, and how it looks.

Pictures are kept under ``build/console`` for people to look at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from kit.scenes import SERVICE, a_renewal, a_snapshot, waiting_case
from retrust.browser.chromium import ARGUMENTS, find_chromium
from retrust.models import Grade
from retrust.testing.serving import serving

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[3] / "build" / "console"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
SERIOUS = ("serious", "critical")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS, "--no-sandbox"])
        try:
            yield started
        finally:
            await started.close()


@pytest.fixture
async def url(world) -> AsyncIterator[str]:
    async with serving(world.app) as address:
        yield address


async def sign_in(browser: Browser, url: str, token: str, **context: Any) -> Page:
    page = await (await browser.new_context(**{"viewport": DESK} | context)).new_page()
    await page.goto(url)
    await page.get_by_label("API token").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    return page


async def shoot(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


async def test_two_people_decide(world, url: str, browser: Browser) -> None:
    """Ann and Ben approve, each in a browser of their own; Ann's page follows by itself, and the gate opens."""
    case = await waiting_case(world.ledger)
    ann = await sign_in(browser, url, await world.token("ann"))
    await shoot(ann, "cases")
    await ann.get_by_role("link", name=case.id).click()
    await expect(ann.get_by_role("heading", level=1)).to_have_text("Waiting for your decision")
    await shoot(ann, "case-waiting")
    await ann.get_by_role("button", name="Approve").click()
    assert "said=" not in ann.url, "the browser asks for a reason before anything is sent"
    await ann.get_by_label("Reason").first.fill("renewed this morning, change 42")
    await ann.get_by_role("button", name="Approve").click()
    await expect(ann.get_by_role("status")).to_have_text("Your yes is recorded.")
    await expect(ann.get_by_role("heading", level=1)).to_have_text("Waiting for a decision")
    ben = await sign_in(browser, url, await world.token("ben"))
    await ben.goto(f"{url}/cases/{case.id}")
    await ben.get_by_label("Reason").first.fill("seen the new certificate on the node")
    await ben.get_by_role("button", name="Approve").click()
    await expect(ben.get_by_role("heading", level=1)).to_have_text("Approved")
    await expect(ann.get_by_role("heading", level=1)).to_have_text("Approved")
    await shoot(ann, "case-approved")
    assert [(d.actor, d.yes) for d in await world.ledger.decisions(case.id)] == [
        ("person:ann", True),
        ("person:ben", True),
    ]


async def test_steps_are_followed(world, url: str, browser: Browser) -> None:
    """While a pass carries the plan out, an open page shows each step as it is recorded, to the end."""
    case = await waiting_case(world.ledger)
    page = await sign_in(browser, url, await world.token("dan"))
    await page.goto(f"{url}/cases/{case.id}")
    ledger, digest = world.ledger, case.digest
    await ledger.move(case.id, "approve", actor=SERVICE)
    async with ledger.lease("campus", owner="test", ttl=30, run="r1", what="a run") as lease:
        await ledger.use_digest(case.id, digest, actor=SERVICE, lease=lease)
        await ledger.move(case.id, "execute", actor=SERVICE, lease=lease)
        await ledger.record_step(case.id, digest, "delete-1", "started", lease=lease, actor=SERVICE)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Carrying out the plan")
        await ledger.record_step(case.id, digest, "delete-1", "sent", lease=lease, actor=SERVICE)
        await ledger.record_step(case.id, digest, "delete-1", "done", lease=lease, actor=SERVICE)
        await expect(page.locator(".progress li").first).to_contain_text("done")
        await shoot(page, "case-executing")
        await ledger.record_step(case.id, digest, "register-ha", "skipped", "HA is healthy", lease=lease, actor=SERVICE)
        await ledger.move(case.id, "verify", actor=SERVICE)
        await ledger.record_snapshot(case.id, a_snapshot(healed=True), when="after", actor=SERVICE)
        await ledger.move(case.id, "heal", actor=SERVICE)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Healed")
    await page.reload()
    await shoot(page, "case-healed")


async def test_an_interception(world, url: str, browser: Browser) -> None:
    """A refused case says so before anything else, offers no decision, and its picture shows the edge."""
    made = a_renewal(grade=Grade.CONTRADICTED)
    case = await world.ledger.open_case("campus", cause="log: hm-0-0.log", actor=SERVICE)
    await world.ledger.record_snapshot(case.id, made.snapshot, when="before", actor=SERVICE)
    why = "what is seen of primary:10.0.0.12_8082 looks like an interception: holder's end: another certificate"
    await world.ledger.alarm("refused", why, actor=SERVICE, site="campus", case=case.id)
    await world.ledger.move(case.id, "refuse", actor=SERVICE, why=why)
    page = await sign_in(browser, url, await world.token("cy"))
    await page.goto(f"{url}/cases/{case.id}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Refused: this looks like an interception")
    await expect(page.locator(".pill.v-contradicted")).to_have_count(1)
    await expect(page.get_by_role("heading", name="Presented now")).to_be_visible()
    await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    await shoot(page, "case-refused")


async def test_without_a_script(world, url: str, browser: Browser) -> None:
    """With JavaScript off and by keyboard alone, a person signs in, reads, and rejects with a reason."""
    case = await waiting_case(world.ledger)
    page = await (await browser.new_context(java_script_enabled=False)).new_page()
    await page.goto(f"{url}/cases/{case.id}")
    await expect(page.get_by_label("Token")).to_be_focused()
    await page.keyboard.type(await world.token("ben"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for your decision")
    await page.get_by_label("Reason").first.focus()
    await page.keyboard.type("not announced")
    for _ in range(2):
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Cancelled")
    assert (await world.ledger.case(case.id)).note == "rejected: not announced"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "size"), [("desk", DESK), ("phone", PHONE)])
async def test_no_serious_fault(world, url: str, browser: Browser, scheme: str, device: str, size: Any) -> None:
    """axe finds nothing serious on any page, light or dark, at a desk or on a phone; none is wider than it."""
    from axe_playwright_python.async_playwright import Axe

    case = await waiting_case(world.ledger, plan=a_renewal(grade=Grade.SUPPORTED))
    page = await sign_in(browser, url, await world.token("cy"), color_scheme=scheme, viewport=size, bypass_csp=True)
    for path in ("/cases", f"/cases/{case.id}", "/sites", "/sites/campus", "/audit", "/cases/c999999"):
        await page.goto(url + path)
        name = path.strip("/").replace("/", "-").replace(case.id, "case") or "home"
        await shoot(page, f"{name}-{device}-{scheme}")
        found = (await Axe().run(page)).response["violations"]
        assert not [(v["id"], [n["html"] for n in v["nodes"]]) for v in found if v["impact"] in SERIOUS], path
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} scrolls sideways by {wide}px"


async def test_the_policy_holds(world, url: str, browser: Browser) -> None:
    """No page breaks the content security policy, and none logs an error: nothing is inline, nothing is foreign."""
    case = await waiting_case(world.ledger)
    page = await sign_in(browser, url, await world.token("ann"))
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in ("/cases", f"/cases/{case.id}", "/sites", "/audit"):
        await page.goto(url + path)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.goto(f"{url}/cases")
    await page.get_by_label("State").select_option("healed")
    await expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
    assert said == []
