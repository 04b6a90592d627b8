"""The appliance's pages, beside a bare Playwright script that does the same on the same lab.

The script knows the lab's markup, presses and fills in what it finds there, and checks nothing; ours finds everything
by the words that a person sees, holds every connection to one certificate, and reads back what it fills in. In each
round both work through the same in turn: a browser is started and logs in, HA's status and the list of ISE servers
are read (cold), and read once more (warm); on pages of a pair that is new, HA is registered and an ISE server added.
The labs run in a process of their own, and time limits are those of an inventory that sets none.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.report import Row, table
from playwright.async_api import FrameLocator, Page, async_playwright
from pydantic import SecretStr

from retrust.browser.chromium import find_chromium
from retrust_plugins.cisco_prime.access import page_settings
from retrust_plugins.cisco_prime.browser import HaRequest, IseRequest, WebAccess, open_pages
from retrust_plugins.cisco_prime.site import Timeouts
from retrust_plugins.lab import Lab, LabSettings

ROUNDS = 5
GOALS = {
    "HA's status and ISE servers are read, cold": 1.6,
    "HA's status and ISE servers are read, warm": 1.5,
    "HA is registered": 1.6,
    "an ISE server is added": 1.6,
}
COLD, WARM, REGISTERED, ADDED = GOALS
Told = dict[str, Any]
"""Where the pages of one lab are, and what its forms take."""


def run() -> list[Row]:
    return asyncio.run(measure())


async def measure() -> list[Row]:
    """Medians of the rounds, and of the ratios within each round."""
    sides: dict[str, Callable[[Told, bool], Awaitable[dict[str, float]]]] = {"bare": bare, "ours": ours}
    taken: dict[str, dict[str, list[float]]] = {side: defaultdict(list) for side in sides}
    with labs(1 + ROUNDS * len(sides)) as (healthy, *fresh):
        for _ in range(ROUNDS):
            for side, work in sides.items():
                for seconds in (await work(healthy, False), await work(fresh.pop(), True)):
                    for what, took in seconds.items():
                        taken[side][what].append(took)
    return [_row(what, goal, taken["ours"][what], taken["bare"][what]) for what, goal in GOALS.items()]


def _row(what: str, goal: float, own: list[float], script: list[float]) -> Row:
    ratio = statistics.median(mine / other for mine, other in zip(own, script, strict=True))
    return Row(
        what,
        f"{statistics.median(own):.2f} s",
        f"{statistics.median(script):.2f} s Playwright",
        f"{ratio:.2f} ×",
        f"≤ {goal:g} ×",
        ratio <= goal,
    )


class _Times(dict[str, float]):
    async def of(self, what: str, work: Awaitable[object]) -> None:
        began = time.perf_counter()
        await work
        self[what] = time.perf_counter() - began


# -- ours -----------------------------------------------------------------------------------------


async def ours(lab: Told, new: bool) -> dict[str, float]:
    times = _Times()
    access = WebAccess("primary", lab["host"], lab["user"], SecretStr(lab["password"]), port=lab["port"],
                       fingerprint=lab["fingerprint"])  # fmt: skip
    async with AsyncExitStack() as stack:
        began = time.perf_counter()
        pages = await stack.enter_async_context(open_pages(access, settings=page_settings(Timeouts())))
        ise = lab["ise"]

        async def read() -> None:
            assert (await pages.ha_mode()).status == ("HA Not Configured" if new else "Primary Active")
            found = await pages.ise_status(ise["host"])
            assert new or (found is not None and found.healthy), found

        await read()
        times[COLD] = time.perf_counter() - began
        if not new:
            await times.of(WARM, read())
            return times
        del times[COLD]
        outcome = pages.register_ha(HaRequest(lab["secondary"], SecretStr(lab["key"]), ("noc@example.com",)))
        await times.of(REGISTERED, outcome)
        add = pages.add_ise(IseRequest(ise["host"], ise["user"], SecretStr(ise["password"]), ise["port"]))
        await times.of(ADDED, add)
    return times


# -- the script -----------------------------------------------------------------------------------


async def bare(lab: Told, new: bool) -> dict[str, float]:
    times = _Times()
    began = time.perf_counter()
    async with _logged_in(lab) as page:

        async def read(*, anew: bool) -> None:
            if anew:
                await page.reload()
            assert await _mode(page) == ("HA Not Configured" if new else "Primary Active")
            await page.reload()
            frame = await _ise(page)
            if not new:
                row = frame.locator("tr", has_text=lab["ise"]["host"])
                assert await row.locator("td").last.inner_text() == "Reachable"

        await read(anew=False)
        times[COLD] = time.perf_counter() - began
        if not new:
            await times.of(WARM, read(anew=True))
            return times
        del times[COLD]
        await times.of(REGISTERED, _register(page, lab))
        await times.of(ADDED, _add(page, lab["ise"]))
    return times


@asynccontextmanager
async def _logged_in(lab: Told) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = await browser.new_page(ignore_https_errors=True)
        await page.goto(f"https://{lab['host']}:{lab['port']}/")
        await page.fill("[name=j_username]", lab["user"])
        await page.fill("[name=j_password]", lab["password"])
        await page.click(".loginButton")
        await page.click("[data-action=dismiss]")
        yield page
        await browser.close()


async def _open(page: Page, *entries: str) -> None:
    for entry in entries:
        await page.click(f".dijitMenuItem:visible > .dijitMenuItemLabel:text-is('{entry}')")


async def _mode(page: Page) -> str:
    await _open(page, "Administration", "Settings", "High Availability")
    return await page.locator(".modeValue:visible").inner_text()


async def _ise(page: Page) -> FrameLocator:
    await _open(page, "Administration", "Servers", "ISE Servers")
    frame = page.frame_locator("iframe[name^=legacy]")
    await frame.locator("table.grid").wait_for()
    return frame


async def _register(page: Page, lab: Told) -> None:
    await _mode(page)
    await page.click("[data-pane=configuration]")
    await page.fill("[data-field='Secondary Server']", lab["secondary"])
    await page.fill("[data-field='Authentication Key']", lab["key"])
    await page.fill("[data-field='Email Address']", "noc@example.com")
    await page.check("[data-field='Failover Type'][value=Manual]")
    await page.click("[data-action=readiness]")
    await page.locator(".dijitDialog tr", has_text="DATABASE ONLINE STATUS").get_by_text("Pass").wait_for()
    await page.click(".dijitDialog [role=button]")
    await page.click("[data-action=register]:not([aria-disabled])")
    await page.locator(".modeValue:visible", has_text="Primary Active").wait_for()


async def _add(page: Page, ise: Told) -> None:
    frame = await _ise(page)
    await frame.locator("[name=command]").select_option("Add ISE Server")
    await frame.locator("[value=Go]").click()
    await frame.locator("[name=address]").fill(ise["host"])
    await frame.locator("[name=port]").fill(str(ise["port"]))
    await frame.locator("[name=userName]").fill(ise["user"])
    await frame.locator("[name=password]").fill(ise["password"])
    await frame.locator("[name=confirmPassword]").fill(ise["password"])
    await frame.locator("[value=Save]").click()
    await frame.locator("table.grid tr", has_text=ise["host"]).locator("td").last.inner_text()


# -- the labs -------------------------------------------------------------------------------------


@contextmanager
def labs(count: int) -> Iterator[list[Told]]:
    """A healthy one and ``count - 1`` new pairs; their process ends with the block."""
    with tempfile.TemporaryDirectory(prefix="retrust-bench-") as folder:
        command = [sys.executable, "-m", "benchmarks.pages", folder, str(count)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                yield json.loads(process.stdout.readline() or "[]")
            finally:
                process.stdin.close()


async def serve(folder: Path, count: int) -> None:
    """Until stdin ends."""
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(Lab(LabSettings(start="fresh" if n else "healthy"), folder / f"lab-{n}"))
            for n in range(count)
        ]
        sys.stdout.write(json.dumps([_told(lab) for lab in started]) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


def _told(lab: Lab) -> Told:
    node, ise = lab.primary, lab.ise[0]
    return {
        "host": node.host,
        "port": node.web.port,
        "user": node.web_username,
        "password": node.web_password,
        "fingerprint": node.web_fingerprint,
        "secondary": lab.secondary.host,
        "key": lab.authentication_key,
        "ise": {"host": ise.host, "port": ise.port, "user": ise.username, "password": ise.password},
    }


if __name__ == "__main__":
    if len(sys.argv) > 2:
        asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
    else:
        sys.stdout.write(table(run()))
