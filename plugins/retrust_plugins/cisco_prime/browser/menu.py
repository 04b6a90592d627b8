"""Walking a menu as a person does: hover, then click, until the next entry shows.

An entry that stays hidden although its link is in the document is followed at the very end only. Where a
name appears more than once, what came into view last is tried first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator

from retrust.errors import PermanentError
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.dialogs import Dialogs
from retrust_plugins.cisco_prime.browser.view import View

Path = tuple[tuple[str, ...], ...]


class LedNowhere(PermanentError):
    """An entry of the menu is not there, or does not lead to its page."""


HOVER_SECONDS = 0.8
CLICK_SECONDS = 4.0
TRIES = 4
ACT_MS = (700.0, 2000.0, 4000.0)


class Menu:
    def __init__(self, view: View, dialogs: Dialogs) -> None:
        self.view = view
        self.dialogs = dialogs
        self._not_by_hover: set[str] = set()  # learnt on the first walk: no need to wait there again
        self._routes: dict[Path, str] = {}  # where a walk ended at a ``#`` route

    async def walk(self, path: Path, arrived: Callable[[], Awaitable[bool]]) -> None:
        """Follow the entries, each given by its variants, until ``arrived``.

        A link to the ``#`` route that is shown already leads nowhere, and would leave the menu open over the page.
        """
        if self._routes.get(path) == self.view.page.url and await self.view.until(
            lambda: _true(arrived), self._patience(1)
        ):
            return
        await self._walk(path, arrived)
        if "#" in self.view.page.url:
            self._routes[path] = self.view.page.url

    async def _walk(self, path: Path, arrived: Callable[[], Awaitable[bool]]) -> None:
        trail: list[str] = []
        wrong = 0  # entries that were pressed and led elsewhere; one that could not be pressed is tried again
        for attempt in range(4):
            trail = []
            pressed = await self._follow(path, trail, attempt, wrong)
            if pressed and await self.view.until(lambda: _true(arrived), self._patience(attempt)):
                return
            if await arrived():
                return
            wrong += pressed
            await self.dialogs.dismiss_notices()
        raise await self._lost(path, trail)

    def _patience(self, attempt: int) -> float:
        return self.view.settings.page if attempt == 0 else self.view.settings.page / 3

    async def _follow(self, path: Path, trail: list[str], attempt: int, wrong: int) -> bool:
        first = words.button(*path[0])
        await self._bring_up(first, attempt)
        candidates = await self.view.presses(first)
        for entry, following in zip(path, (*path[1:], None), strict=True):
            if not candidates:
                return False
            trail.append(entry[0])
            if following is None:
                return await self._click(candidates[min(wrong, len(candidates) - 1)])
            candidates = await self._reveal(candidates, words.button(*following))
            if not candidates:  # a heading may be missing, or say otherwise
                later = path[path.index(following) + 1 :]
                if later and (skipped := await self.view.presses(words.button(*later[0]))):
                    return await self._click(skipped[0])
                return await self._hidden(path[-1])
        return False

    async def _bring_up(self, first: dict[str, Any], attempt: int) -> None:
        """Wait for the menu; where it is folded away, unfold it."""

        async def shown_or_folded() -> bool | None:
            return bool(await self.view.press(first) or await self.view.press(words.MENU_TOGGLE)) or None

        await self.view.until(shown_or_folded, self._patience(attempt))
        if not await self.view.until(lambda: self.view.press(first), HOVER_SECONDS):
            toggle = await self.view.press(words.MENU_TOGGLE)
            if toggle is not None and await self._click(toggle):
                await self.view.until(lambda: self.view.press(first), CLICK_SECONDS)

    async def _reveal(self, entries: list[Locator], following: dict[str, Any]) -> list[Locator]:
        """Hover, then click each entry until the next one shows; the next one's candidates, newest first."""
        before = await self._boxes(following)
        for entry in entries[:TRIES]:
            hover = 0.0 if following["words"][0] in self._not_by_hover else HOVER_SECONDS
            for act, seconds in ((self._hover, hover), (self._click, CLICK_SECONDS)):
                if await act(entry):
                    fresh = await self.view.until(lambda: self._fresh(following, before), seconds)
                    if fresh:
                        if act == self._click:
                            self._not_by_hover.add(following["words"][0])
                        return fresh
                if before and act == self._hover:  # it was in view all the time: no click is needed
                    self._not_by_hover.add(following["words"][0])
                    return await self.view.presses(following)
        return await self.view.presses(following)

    async def _boxes(self, spec: dict[str, Any]) -> set[tuple[int, ...]]:
        return {await _box(found) for found in await self.view.presses(spec)}

    async def _fresh(self, spec: dict[str, Any], before: set[tuple[int, ...]]) -> list[Locator] | None:
        found = await self.view.presses(spec)
        fresh = [one for one in found if await _box(one) not in before]
        return [*fresh, *(one for one in found if one not in fresh)] if fresh else None

    async def _hidden(self, entry: tuple[str, ...]) -> bool:
        found = await self.view.presses(words.button(*entry, hidden=True, solid=True))
        if not found:
            return False
        try:
            await found[0].dispatch_event("click", timeout=3000)
        except PlaywrightError:
            return False
        return True

    async def _hover(self, entry: Locator) -> bool:
        return await self._act(entry, lambda limit: entry.hover(timeout=limit))

    async def _click(self, entry: Locator) -> bool:
        return await self._act(entry, lambda limit: entry.click(timeout=limit, no_wait_after=True))

    async def _act(self, entry: Locator, act: Callable[[float], Awaitable[None]]) -> bool:
        """Try soon, because a notice that popped up over the menu must be closed first; then with patience."""
        for limit in ACT_MS:
            try:
                await act(limit)
            except PlaywrightError:
                await self.dialogs.dismiss_notices()
                if not await entry.is_visible():  # its flyout folded under the notice: start from the top
                    return False
            else:
                return True
        return False

    async def _lost(self, path: Path, trail: list[str]) -> LedNowhere:
        self.view.check_connection()
        self.dialogs.check()
        wanted, reached = path[min(len(trail), len(path) - 1)][0], " > ".join(trail)
        return LedNowhere(
            f"the menu entry {_plain(wanted)!r} was not found or led nowhere"
            f"{' after ' + _plain(reached) if reached else ''}; there is: {await self.view.offered()}",
            where=self.view.access.node,
            hint="has this user administrator privileges?",
        )


async def _true(check: Callable[[], Awaitable[bool]]) -> bool | None:
    return await check() or None


async def _box(entry: Locator) -> tuple[int, ...]:
    try:
        box = await entry.bounding_box(timeout=1000)
    except PlaywrightError:
        box = None
    await asyncio.sleep(0)
    return tuple(int(v) for v in (box["x"], box["y"], box["width"], box["height"])) if box else ()


def _plain(pattern: str) -> str:
    """A pattern as the words a person would look for."""
    for mark in (" ?-?", "(istration)", "?", "s?"):
        pattern = pattern.replace(mark, {" ?-?": " ", "s?": "s"}.get(mark, ""))
    return pattern
