"""Starting Chromium so that it reaches one server, with one certificate, and nothing else.

Everything the browser sends goes through a ``PinnedRelay``: each other name, address and port does not
resolve for it. What is done on the pages, and which certificate is pinned, is the caller's part.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary

from playwright.async_api import Browser, BrowserContext, Error, Playwright, Route, async_playwright

from retrust.browser.changes import Changes
from retrust.browser.relay import PinnedRelay
from retrust.errors import PermanentError
from retrust.models import Endpoint
from retrust.secrets.environment import child_environment

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",  # a proxy of the environment would resolve names for us, and see them
)
AT_ONCE = 8
"""Browsers of one process, each of which takes some 250 MB."""
_turns_of: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
log = logging.getLogger(__name__)
MISSING = (
    "no Chromium was found: install your system's chromium package, or run `playwright install "
    "chromium`, or set RETRUST_CHROMIUM to its path"
)


@dataclass(frozen=True)
class PinnedBrowser:
    """An open browser; ``relay`` tells what became of its connections, ``changes`` what its pages do."""

    context: BrowserContext
    relay: PinnedRelay
    origin: str
    changes: Changes


def find_chromium() -> str | None:
    """The program to start; None leaves it to Playwright's own download."""
    chosen = os.environ.get("RETRUST_CHROMIUM")
    if chosen:
        if found := shutil.which(chosen):
            return found
        raise PermanentError(f"RETRUST_CHROMIUM names {chosen}, which is no program", hint=MISSING)
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def arguments(origin: Endpoint, relay: PinnedRelay) -> list[str]:
    """Chromium's arguments: ours, the one trusted key, and the one name that resolves."""
    return [
        *ARGUMENTS,
        *without_sandbox(),
        f"--ignore-certificate-errors-spki-list={relay.key_digest}",
        f"--host-resolver-rules=MAP {origin} 127.0.0.1:{relay.port}, MAP * ~NOTFOUND",
    ]


def _turns() -> asyncio.Semaphore:
    said = os.environ.get("RETRUST_BROWSERS", str(AT_ONCE))
    if not said.isdecimal() or not int(said):
        raise PermanentError(
            f"RETRUST_BROWSERS is {said!r}, which is no number of browsers",
            hint=f"give 1 or more; {AT_ONCE} if not set",
        )
    return _turns_of.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(int(said)))


@cache
def without_sandbox() -> tuple[str, ...]:
    """Chromium's sandbox refuses to run as root; only there it is given up, and said once."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return ()
    log.warning("Chromium runs without its sandbox, because Retrust runs as root: run it as a user of its own")
    return ("--no-sandbox",)


@asynccontextmanager
async def open_browser(
    origin: Endpoint,
    *,
    node: str,
    fingerprint: str,
    address: Endpoint | None = None,
    engines: Mapping[str, str] | None = None,
) -> AsyncIterator[PinnedBrowser]:
    """A browser for ``https://origin/``, which is reached at ``address`` and presents ``fingerprint``.

    ``engines`` are selector engines (name → script) that its locators can use.

    Leaving the block, also by an exception or a cancellation, ends every process that was started. A process has
    ``RETRUST_BROWSERS`` of them at once, whoever opens them; one more waits for its turn.
    """
    upstream = address or origin
    relay = PinnedRelay(upstream, name=origin.host, node=node, fingerprint=fingerprint)
    turns = _turns()
    if turns.locked():
        log.warning("%s: as many browsers run as RETRUST_BROWSERS allows; waits until one of them ends", node)
    async with turns, relay, async_playwright() as playwright:
        for name, script in (engines or {}).items():
            await playwright.selectors.register(name, script=script, content_script=True)
        browser = await _start(playwright, arguments(origin, relay))
        try:
            context = await browser.new_context(
                accept_downloads=False, service_workers="block", locale="en-US", viewport={"width": 1400, "height": 900}
            )
            await context.route(elsewhere(origin), _abort)
            changes = Changes()
            changes.watch(context)
            yield PinnedBrowser(context, relay, f"https://{origin}", changes)
        finally:
            await browser.close()


async def _start(playwright: Playwright, args: list[str]) -> Browser:
    try:
        return await playwright.chromium.launch(
            executable_path=find_chromium(), headless=True, args=args, env=dict(child_environment())
        )
    except Error as exc:
        if "Executable doesn't exist" in exc.message:
            raise PermanentError(MISSING) from exc
        raise PermanentError(f"Chromium did not start: {exc.message.splitlines()[0]}", hint=MISSING) from exc


async def chromium_version() -> str:
    """Start Chromium and end it, as a run would: its version, or the error of what is missing."""
    async with async_playwright() as playwright:
        browser = await _start(playwright, [*ARGUMENTS, *without_sandbox()])
        version = browser.version
        await browser.close()
    return version


async def _abort(route: Route) -> None:
    await route.abort("blockedbyclient")


def elsewhere(origin: Endpoint) -> re.Pattern[str]:
    """Every request that does not stay with the server: another scheme, host or port. As a pattern, because the
    browser's driver judges by it alone, without asking this process about each request."""
    names = {str(origin), str(origin).removesuffix(":443")}
    own = "|".join(re.escape(name) for name in sorted(names))
    return re.compile(rf"^(?!data:|blob:|about:|https://(?:{own})(?:[/?#]|$))", re.IGNORECASE)
