"""Walking a menu as a person does: hover, then click, until the next entry shows.

An entry that stays hidden although its link is in the document is followed at the very end only. Where a
name appears more than once, what came into view last is tried first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from playwright.async_api import Error as PlaywrightError

from retrust.errors import PermanentError
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.dialogs import Dialogs
from retrust_plugins.cisco_prime.browser.view import Seen, View

Path = tuple[tuple[str, ...], ...]
Shown = list[list[Seen]]
"""What is in view for each entry of a path."""
Fresh = Callable[[], Awaitable[Shown | None]]


class LedNowhere(PermanentError):
    """An entry of the menu is not there, or does not lead to its page."""


HOVER_SECONDS = 0.8
REACTION_SECONDS = 0.15
"""Within which a page that reacts to the pointer shows something, or begins to."""
CLICK_SECONDS = 4.0
TRIES = 4
ACT_MS = 6000.0


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
        shown = await self._bring_up(path, attempt)
        for at, entry in enumerate(path):
            candidates = shown[at]
            if not candidates:
                return False
            trail.append(entry[0])
            if at == len(path) - 1:
                return await self._click(candidates[min(wrong, len(candidates) - 1)])
            shown = await self._reveal(path, at, shown, attempt)
            if not shown[at + 1]:  # a heading may be missing, or say otherwise
                if at + 2 < len(path) and shown[at + 2]:
                    return await self._click(shown[at + 2][0])
                return await self._hidden(path[-1])
        return False

    async def _entries(self, path: Path) -> Shown:
        return await asyncio.gather(*(self.view.presses(words.button(*entry)) for entry in path))

    async def _bring_up(self, path: Path, attempt: int) -> Shown:
        """Wait for the menu; where it is folded away, unfold it."""

        async def first() -> Shown | None:
            shown = await self._entries(path)
            return shown if shown[0] else None

        async def first_or_folded() -> tuple[Shown | None, list[Seen]] | None:
            shown, folded = await asyncio.gather(first(), self.view.presses(words.MENU_TOGGLE))
            return (shown, folded) if shown or folded else None

        shown, folded = await self.view.until(first_or_folded, self._patience(attempt)) or (None, [])
        if not shown and folded:
            shown = await self.view.until(first, HOVER_SECONDS)
            if not shown and await self._click(folded[0]):
                shown = await self.view.until(first, CLICK_SECONDS)
        return shown or [[] for _ in path]

    async def _reveal(self, path: Path, at: int, shown: Shown, attempt: int) -> Shown:
        """Hover, then click each candidate of an entry until the next entry shows, whose newest then come first."""
        name, before = path[at][0], {(one.frame, one.place) for one in shown[at + 1]}

        async def fresh() -> Shown | None:
            now = await self._entries(path)
            new = [one for one in now[at + 1] if (one.frame, one.place) not in before]
            now[at + 1] = [*new, *(one for one in now[at + 1] if one not in new)]
            return now if new else None

        for entry in shown[at][:TRIES]:
            if before or name not in self._not_by_hover:
                if found := await self._by_hover(entry, name, fresh, attempt):
                    return found
                if before:  # it was in view all the time: no click is needed
                    self._not_by_hover.add(name)
                    break
            if await self._click(entry) and (found := await self.view.until(fresh, CLICK_SECONDS)):
                self._not_by_hover.add(name)
                return found
        return await self._entries(path)

    async def _by_hover(self, entry: Seen, name: str, fresh: Fresh, attempt: int) -> Shown | None:
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
            await found[0].locator.dispatch_event("click", timeout=3000)
        except PlaywrightError:
            return False
        return True

    async def _hover(self, entry: Seen) -> bool:
        return await self._act(entry, entry.locator.hover(timeout=ACT_MS))

    async def _click(self, entry: Seen) -> bool:
        return await self._act(entry, entry.locator.click(timeout=ACT_MS, no_wait_after=True))

    async def _act(self, entry: Seen, act: Awaitable[None]) -> bool:
        """Whether it could be done; an entry whose flyout folded under a notice has to be reached from the top."""
        try:
            await self.dialogs.past_notices(act, on=entry.locator)
        except PlaywrightError:
            return False
        return True

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
