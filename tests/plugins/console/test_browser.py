"""The console in a real Chromium: from a case that waits to one that two people approved, and how it looks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from kit.browsing import shoot, sign_in
from kit.scenes import NIGHT, SERVICE, a_night, a_refused_case, a_renewal, a_snapshot, waiting_case
from retrust.testing.serving import serving

pytestmark = pytest.mark.browser


@pytest.fixture
async def url(world) -> AsyncIterator[str]:
    async with serving(world.app) as address:
        yield address


async def test_two_people_decide(world, url: str, browser: Browser) -> None:
    """Ann and Ben approve, each in a browser of their own; Ann's page follows by itself, and the gate opens."""
    case = await waiting_case(world.ledger)
    ann = await sign_in(browser, url, await world.token("ann"))
    await ann.get_by_role("link", name=case.id, exact=True).first.click()
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
    await expect(page.locator(".pill.v-stale")).to_have_count(0)
    await shoot(page, "case-healed")


async def test_what_is_typed_stays(world, url: str, browser: Browser) -> None:
    """A plan that changes under somebody who types is told; their words stay until they load the page again."""
    case = await waiting_case(world.ledger)
    page = await sign_in(browser, url, await world.token("ann"))
    await page.goto(f"{url}/cases/{case.id}")
    await page.get_by_label("Reason").first.fill("half a rea")
    newer = a_renewal(of="newer")
    await world.ledger.record_plan(case.id, newer, actor=SERVICE)
    await expect(page.get_by_text("This page has changed.")).to_be_visible()
    await expect(page.get_by_label("Reason").first).to_have_value("half a rea")
    await page.get_by_role("link", name="Load it again").click()
    await expect(page.locator(".digest code")).to_have_text(newer.digest)


async def test_an_interception(world, url: str, browser: Browser) -> None:
    """A refused case says so before anything else, offers no decision, and its picture shows the edge."""
    case = await a_refused_case(world.ledger)
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


async def test_keys_times_and_search(make_world, browser: Browser) -> None:
    """Keys lead to pages and to the search; a list is narrowed while one types, and follows what happens."""
    world = await make_world(sites=NIGHT)
    await a_night(world.ledger, world.engine.home)
    async with serving(world.app) as url:
        page = await sign_in(browser, url, await world.token("ann"), timezone_id="Asia/Kolkata")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
        await page.keyboard.press("g")
        await page.keyboard.press("c")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Cases")
        names = page.locator("tbody th")
        await expect(names).to_have_text(["dc-east-1", "branch-1", "campus-1"])
        await page.keyboard.press("/")
        await page.keyboard.type("branch")
        await expect(names).to_have_text(["branch-1"])
        assert page.url.endswith("/cases?q=branch&state=open&sort=newest")
        await page.get_by_label("Search").fill("")
        await page.get_by_label("Order").select_option("oldest")
        await expect(names).to_have_text(["campus-1", "branch-1", "dc-east-1"])
        await world.ledger.open_case("depot", cause="log: hm-0-0.log", actor=SERVICE)
        await expect(names).to_have_text(["campus-1", "branch-1", "dc-east-1", "depot-1"])
        await page.goto(f"{url}/audit")
        time = page.locator("tbody time").first
        await expect(time).to_have_text(re.compile(r"^[\d: -]+ GMT\+5:30$"))
        assert re.fullmatch(r"[\d: -]+ UTC", str(await time.get_attribute("title")))


async def test_a_report_for_a_change_board(world, url: str, browser: Browser) -> None:
    """On paper a case is black on white, has no button and no menu, and everything folded is open."""
    case = await waiting_case(world.ledger)
    page = await sign_in(browser, url, await world.token("ann"), color_scheme="dark")
    await page.goto(f"{url}/cases/{case.id}")
    await expect(page.get_by_role("button", name="Print a report")).to_be_visible()
    await page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    await shoot(page, "case-report")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    await expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    for button in await page.get_by_role("button").all():
        await expect(button).to_be_hidden()
    await expect(page.get_by_text("opened: log: hm-0-0.log")).to_be_visible()
    await expect(page.get_by_text("Presented now")).to_be_visible()


async def test_the_policy_holds(world, url: str, browser: Browser) -> None:
    """No page breaks the content security policy, and none logs an error: nothing is inline, nothing is foreign."""
    case = await waiting_case(world.ledger)
    page = await sign_in(browser, url, await world.token("ann"))
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in ("/", "/cases", f"/cases/{case.id}", "/sites", "/sites/campus", "/audit", "/audit/2"):
        await page.goto(url + path)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.goto(f"{url}/cases")
    await page.get_by_label("State").select_option("healed")
    await expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
    assert said == []
