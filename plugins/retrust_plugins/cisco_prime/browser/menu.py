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
from retrust_plugins.cisco_prime.browser.view import Candidate, View

Path = tuple[tuple[str, ...], ...]
Fresh = Callable[[], Awaitable[list[Candidate] | None]]


class LedNowhere(PermanentError):
    """An entry of the menu is not there, or does not lead to its page."""


HOVER_SECONDS = 0.8
REACTION_SECONDS = 0.15
"""Within which a page that reacts to the pointer shows something, or begins to."""
CLICK_SECONDS = 4.0
TRIES = 4
ACT_MS = (700.0, 2000.0, 4000.0)


class Menu:
    def __init__(self, view: View, dialogs: Dialogs) -> None:
        self.view = view
        self.dialogs = dialogs
        self._not_by_hover: set[str] = set()  # entries; learnt on the first walk: no need to wait there again
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
        candidates = await self._bring_up(words.button(*path[0]), attempt)
        for entry, following in zip(path, (*path[1:], None), strict=True):
            if not candidates:
                return False
            trail.append(entry[0])
            if following is None:
                return await self._click(candidates[min(wrong, len(candidates) - 1)])
            candidates = await self._reveal(candidates, entry[0], words.button(*following), attempt)
            if not candidates:  # a heading may be missing, or say otherwise
                later = path[path.index(following) + 1 :]
                if later and (skipped := await self.view.candidates(words.button(*later[0]))):
                    return await self._click(skipped[0])
                return await self._hidden(path[-1])
        return False

    async def _bring_up(self, first: dict[str, Any], attempt: int) -> list[Candidate]:
        """Wait for the menu; where it is folded away, unfold it. Its first entry's candidates."""

        async def shown_or_folded() -> tuple[list[Candidate], list[Candidate]] | None:
            shown, folded = await asyncio.gather(self.view.candidates(first), self.view.candidates(words.MENU_TOGGLE))
            return (shown, folded) if shown or folded else None

        shown, folded = await self.view.until(shown_or_folded, self._patience(attempt)) or ([], [])
        if not shown and folded:
            shown = await self.view.until(lambda: self.view.candidates(first), HOVER_SECONDS) or []
            if not shown and await self._click(folded[0]):
                shown = await self.view.until(lambda: self.view.candidates(first), CLICK_SECONDS) or []
        return shown

    async def _reveal(
        self, entries: list[Candidate], name: str, following: dict[str, Any], attempt: int
    ) -> list[Candidate]:
        """Hover, then click each entry until the next one shows; the next one's candidates, newest first."""
        before = {one.place for one in await self.view.candidates(following)}

        async def fresh() -> list[Candidate] | None:
            found = await self.view.candidates(following)
            new = [one for one in found if one.place not in before]
            return [*new, *(one for one in found if one not in new)] if new else None

        for entry in entries[:TRIES]:
            if before or name not in self._not_by_hover:
                if found := await self._by_hover(entry, name, fresh, attempt):
                    return found
                if before:  # it was in view all the time: no click is needed
                    self._not_by_hover.add(name)
                    return await self.view.candidates(following)
            if await self._click(entry) and (found := await self.view.until(fresh, CLICK_SECONDS)):
                self._not_by_hover.add(name)
                return found
        return await self.view.candidates(following)

    async def _by_hover(self, entry: Candidate, name: str, fresh: Fresh, attempt: int) -> list[Candidate] | None:
        """What hovering shows. Where the page does not react, a press follows soon: it does no harm unless it leads
        to another page, and a later attempt waits longer."""
        seen, notices = self.view.opened.changes.count, len(self.dialogs.notices)
        if not await self._hover(entry):
            return None
        known = name in self._not_by_hover
        found = await self.view.until(fresh, 0.0 if known else REACTION_SECONDS)
        if found or known:
            return found
        await self.dialogs.dismiss_notices()  # one that popped up meanwhile is no reaction
        reacts = self.view.opened.changes.count != seen and len(self.dialogs.notices) == notices
        if reacts or entry.leads or attempt:
            found = await self.view.until(fresh, HOVER_SECONDS - REACTION_SECONDS)
        return found

    async def _hidden(self, entry: tuple[str, ...]) -> bool:
        found = await self.view.presses(words.button(*entry, hidden=True, solid=True))
        if not found:
            return False
        try:
            await found[0].dispatch_event("click", timeout=3000)
        except PlaywrightError:
            return False
        return True

    async def _hover(self, entry: Candidate) -> bool:
        return await self._act(entry.locator, lambda limit: entry.locator.hover(timeout=limit))

    async def _click(self, entry: Candidate) -> bool:
        return await self._act(entry.locator, lambda limit: entry.locator.click(timeout=limit, no_wait_after=True))

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


def _plain(pattern: str) -> str:
    """A pattern as the words a person would look for."""
    for mark in (" ?-?", "(istration)", "?", "s?"):
        pattern = pattern.replace(mark, {" ?-?": " ", "s?": "s"}.get(mark, ""))
    return pattern
