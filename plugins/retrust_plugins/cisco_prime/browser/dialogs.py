"""Dialogs, native and drawn: notices are kept, the one expected question is answered, no other is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Dialog, Locator
from playwright.async_api import Error as PlaywrightError

from retrust.errors import PermanentError
from retrust_plugins.cisco_prime.browser import interstitials, words
from retrust_plugins.cisco_prime.browser.view import View

HELD_UP = 0.3
"""Seconds after which something may be in the way of what is done on a page."""


def about_registering(text: str) -> bool:
    """Whether a question is the expected one: to register, and nothing beyond."""
    return bool(words.ABOUT_REGISTERING.search(text)) and not words.ABOUT_MORE.search(text)


class Dialogs:
    """What pages asked and said in dialogs; ``expected`` says which question may be answered yes now."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.expected: Callable[[str], bool] | None = None
        self.notices: list[str] = []
        self.unexpected: str | None = None

    async def native(self, dialog: Dialog) -> None:
        """A window.alert, confirm or prompt, or the browser's own question when a page is left."""
        text = self.view.redactor.redact(dialog.message)
        try:
            if dialog.type == "beforeunload":
                await dialog.accept()
            elif dialog.type == "alert":
                self.notices.append(text)
                await dialog.accept()
            elif dialog.type == "confirm" and self._may_be_confirmed(text):
                self.notices.append(f"answered yes: {text}")
                await dialog.accept()
            else:
                self.unexpected = text
                await dialog.dismiss()
        except PlaywrightError:
            pass  # its page is gone, and the question with it

    def _may_be_confirmed(self, text: str) -> bool:
        if self.expected is not None and self.expected(text):
            return True
        return isinstance(interstitials.answer(text, ("OK",)), interstitials.Press)

    def check(self) -> None:
        """Raise where a question was asked that nothing expected; it was answered with no."""
        if self.unexpected is not None:
            raise PermanentError(
                f"the page asked an unexpected question: {self.unexpected!r}",
                where=self.view.access.node,
                hint="it was not answered yes; a person must look at the pages",
            )

    async def seen(self) -> list[dict[str, Any]]:
        """Drawn dialogs, the topmost last."""
        found = await self.view.gather("dialogs")
        return [{**dialog, "text": self.view.redactor.redact(dialog["text"])} for dialog in found]

    async def dismiss_notices(self) -> None:
        """Close what only informs; a dialog with answers to choose from, or with fields, stays."""
        for _ in range(8):
            notices = [d for d in await self.seen() if not d["fields"]]
            if not notices or not await self._close(notices[-1]):
                return

    async def past_notices(self, act: Awaitable[None], *, on: Locator | None = None) -> None:
        """Wait for what is done on a page. A notice that holds it up is closed; what it was done ``on`` must then
        still be in view."""
        acting = asyncio.ensure_future(act)
        try:
            while not (await asyncio.wait({acting}, timeout=HELD_UP))[0]:
                await self.dismiss_notices()
                if on is not None and not await on.is_visible():
                    raise PlaywrightError("it is no longer in view")
            await acting
        finally:
            acting.cancel()

    async def _close(self, dialog: dict[str, Any]) -> bool:
        gentle, plain = words.DISMISS
        asks = sum(bool(words.QUESTION_BUTTONS.match(name)) for name in dialog["buttons"])
        target = await self.view.press(gentle) or (None if asks else await self.view.press(plain))
        if target is None:
            target = await self._passed(dialog)
        if target is None:
            return False
        try:
            await target.click(timeout=3000)
        except PlaywrightError:
            return False
        self.notices.append(dialog["text"])
        return True

    async def _passed(self, dialog: dict[str, Any]) -> Locator | None:
        """The button that passes a notice of the login; raises where the notice asks for more."""
        match interstitials.answer(_without_buttons(dialog["text"], dialog["buttons"]), dialog["buttons"]):
            case interstitials.Press(button):
                return await self.view.press(words.button(words.literal(button), dialog=True))
            case interstitials.Refuse():
                self.unexpected = dialog["text"]
                self.check()
        return None

    async def answer(self, known: list[str]) -> None:
        """Answer the expected question, where one was drawn; raise on any other that was not there before."""
        self.check()
        fresh = [d for d in await self.seen() if d["text"] not in known and self._is_question(d)]
        if not fresh:
            return
        text = fresh[-1]["text"]
        if self.expected is None or not self.expected(text):
            self.unexpected = text
            self.check()
        yes = await self.view.press(words.YES)
        if yes is not None:
            known.append(text)
            self.notices.append(f"answered yes: {text}")
            await yes.click(timeout=5000)

    @staticmethod
    def _is_question(dialog: dict[str, Any]) -> bool:
        return not dialog["fields"] and any(words.QUESTION_BUTTONS.match(name) for name in dialog["buttons"])


def _without_buttons(text: str, names: list[str]) -> str:
    """What a dialog says above its buttons."""
    while cut := next((name for name in names if text.endswith(name)), None):
        text = text.removesuffix(cut).rstrip()
    return text
