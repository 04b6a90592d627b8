"""What the page drivers share: one view with its dialogs, menu, login and progress."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator

from retrust.errors import PermanentError, RetrustError, TemporaryError
from retrust.models import Progress
from retrust_plugins.cisco_prime.browser.dialogs import Dialogs
from retrust_plugins.cisco_prime.browser.login import Login
from retrust_plugins.cisco_prime.browser.menu import Menu
from retrust_plugins.cisco_prime.browser.view import View

SIGNED_OUT_EVERY = 1.0
CLICK_MS = 10_000.0
T = TypeVar("T")
Told = Callable[[Progress], Awaitable[None] | None]


class Session:
    def __init__(self, view: View, progress: Told) -> None:
        self.view = view
        self.dialogs = Dialogs(view)
        self.menu = Menu(view, self.dialogs)
        self.login = Login(view, self.dialogs)
        self._progress = progress
        self._untouched = True
        self._looked = 0.0

    async def enter(self) -> None:
        await self.login.enter()
        await self.dialogs.dismiss_notices()
        self.view.meanwhile = self._now_and_then

    async def fresh(self) -> None:
        """Load the page anew, so that what is read next was not there before; log in again if asked to."""
        if self._untouched:
            self._untouched = False
            return
        try:
            await self.view.page.reload(wait_until="domcontentloaded", timeout=self.view.settings.page * 1000)
        except PlaywrightError as exc:
            self.view.check_connection()
            raise self.view.unreachable(exc) from None
        shown, above = await self.view.until(self._come, self.view.settings.page) or (None, True)
        if shown != "menu":
            await self.login.again_if_asked()
        if above:
            await self.dialogs.dismiss_notices()

    async def _come(self) -> tuple[str, bool] | None:
        """Which of form and menu the page shows, and whether there is a dialog or may have been one."""
        shown, above = await asyncio.gather(self.login.form_or_menu(), self.dialogs.seen())
        return (shown, bool(above) or shown != "menu") if shown else None

    async def renewing(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what sends nothing; once more, from its start, where the session ran out in the middle."""
        try:
            return await work()
        except (RetrustError, PlaywrightError):
            self.view.check_connection()
            if self.dialogs.unexpected is not None or not await self.login.ended():
                raise
        await self.login.again()
        return await work()

    async def _now_and_then(self) -> None:
        """While something is waited for: see whether the session is over, about once a second."""
        if monotonic() - self._looked > SIGNED_OUT_EVERY:
            self._looked = monotonic()
            await self.still_signed_in()

    async def still_signed_in(self) -> None:
        """Raise where the session ran out, instead of waiting for what a login page never shows."""
        if await self.login.signed_out():
            raise TemporaryError("the session of the web pages ran out", where=self.view.access.node)

    async def click(self, target: Locator) -> None:
        """Press, once; a notice that covers it is closed before, and an unexpected question ends it."""
        try:
            await self.dialogs.past_notices(target.click(timeout=CLICK_MS, no_wait_after=True))
        except PlaywrightError as exc:
            self.dialogs.check()
            self.view.check_connection()
            raise await self._blocked(exc) from None

    async def _blocked(self, exc: PlaywrightError) -> PermanentError:
        above = await self.dialogs.seen()
        what = f"a dialog is in the way: {above[-1]['text']!r}" if above else exc.message.splitlines()[0]
        return PermanentError(
            self.view.redactor.redact(f"a button cannot be pressed: {what}"), where=self.view.access.node
        )

    async def tell(self, progress: Progress) -> None:
        answer = self._progress(progress)
        if inspect.isawaitable(answer):
            await answer
