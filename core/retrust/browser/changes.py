"""Knowing when a page changes, and when it is done, without asking it again and again.

A script in a world of its own, which the page's scripts cannot see, tells of every change in every document.
"""

from __future__ import annotations

import asyncio
import contextlib
from time import monotonic
from typing import Any

from playwright.async_api import BrowserContext, Error, Page

WORLD, TELL = "retrust", "retrustChanged"
SCRIPT = f"""(() => {{
  let due = 0, told = 0;
  const changed = () => {{
    due ||= setTimeout(() => {{ due = 0; told = performance.now(); {TELL}(""); }}, Math.max(0, told + 40 - performance.now()));
  }};
  new MutationObserver(changed).observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
  for (const what of ["input", "change", "load", "transitionend", "animationend", "readystatechange"]) addEventListener(what, changed, true);
  changed();
}})();"""  # noqa: E501
"""Tells at once, then once in 40 ms at most."""


class Changes:
    """What all pages of one browser did last. What no script is told of, such as a style for what is hovered over,
    counts as no change: whoever waits looks again after a while."""

    def __init__(self) -> None:
        self.count = 0
        self._last = monotonic()
        self._open: set[object] = set()
        self._happened = asyncio.Event()

    def watch(self, context: BrowserContext) -> None:
        """Every page of the context, those that it opens later included."""
        context.on("request", self._begins)
        context.on("requestfinished", self._ends)
        context.on("requestfailed", self._ends)
        context.on("page", self._watch)

    async def after(self, count: int, within: float) -> None:
        """Until something changed since ``count``, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.count == count:
                    self._happened.clear()
                    await self._happened.wait()

    def still(self, seconds: float) -> bool:
        """Whether no request is under way, and nothing changed for this time."""
        return not self._open and monotonic() - self._last > seconds

    async def _watch(self, page: Page) -> None:
        with contextlib.suppress(Error):  # the page is closed already
            session = await page.context.new_cdp_session(page)
            session.on("Runtime.bindingCalled", self._note)
            await asyncio.gather(
                session.send("Runtime.enable"),
                session.send("Page.enable"),
                session.send("Runtime.addBinding", {"name": TELL, "executionContextName": WORLD}),
                session.send(
                    "Page.addScriptToEvaluateOnNewDocument",
                    {"source": SCRIPT, "worldName": WORLD, "runImmediately": True},
                ),
            )

    def _begins(self, request: object) -> None:
        self._open.add(request)
        self._note()

    def _ends(self, request: object) -> None:
        self._open.discard(request)
        self._note()

    def _note(self, _: Any = None) -> None:
        self.count += 1
        self._last = monotonic()
        self._happened.set()
