"""Filling in forms, whatever the widgets are made of: every value is read back before it counts as set."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator
from pydantic import SecretStr

from retrust.errors import PermanentError
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.dialogs import Dialogs
from retrust_plugins.cisco_prime.browser.view import Seen, View

ATTEMPTS = 4
ACT_MS = 8000
TICKED = "\x01"


@dataclass(frozen=True)
class Text:
    """A text field and what goes into it. One with a time may be missing, and is waited for so long."""

    name: str
    spec: dict[str, Any]
    value: str | SecretStr
    within: float | None = None

    @property
    def plain(self) -> str:
        return self.value.get_secret_value() if isinstance(self.value, SecretStr) else self.value


class Form:
    """The fields of the form that is shown now."""

    def __init__(self, view: View, dialogs: Dialogs) -> None:
        self.view = view
        self._dialogs = dialogs

    async def fill(self, *texts: Text) -> None:
        """Fill in the fields that do not hold their text yet; all are read back together, until each holds its own."""
        shown, lost = await self._shown(texts), list[tuple[Text, Seen]]()
        for attempt in range(ATTEMPTS + 1):
            lost = [(text, seen) for text, seen in shown if seen.held != text.plain]
            if not lost and not await self._late(texts, shown):
                return
            for text, seen in lost if attempt < ATTEMPTS else ():
                await self._set(seen.locator, text, by_keys=attempt % 2 == 1)
            shown = await self._shown(texts)
        why = "does not keep what is filled in, or loses it when another field is filled in"
        raise self._stuck(lost[0][0].name if lost else texts[-1].name, why)

    async def _shown(self, texts: Sequence[Text]) -> list[tuple[Text, Seen]]:
        """The fields that are there, once every required one is."""
        now: list[Seen | None] = []

        async def all_there() -> bool:
            nonlocal now
            _, *now = await asyncio.gather(self.view.ask("leave"), *(self.view.control(text.spec) for text in texts))
            return all(seen or text.within is not None for text, seen in zip(texts, now, strict=True))

        if not await self.view.until(all_there, self.view.settings.page):
            raise await self._missing(
                next(text.name for text, seen in zip(texts, now, strict=True) if not seen and text.within is None)
            )
        return [(text, seen) for text, seen in zip(texts, now, strict=True) if seen]

    async def _late(self, texts: Sequence[Text], shown: list[tuple[Text, Seen]]) -> bool:
        """Whether a field that may be missing came after others were filled in."""
        there = {text.name for text, _ in shown}
        return any(
            [
                await self.view.until(lambda text=text: self.view.control(text.spec), text.within)  # type: ignore[misc]
                for text in texts
                if text.name not in there and text.within
            ]
        )

    async def _set(self, field: Locator, text: Text, *, by_keys: bool) -> None:
        if isinstance(text.value, SecretStr):
            self.view.secret_fields.append(field)
        # Playwright's errors list the calls with their values: none of them may leave this function.
        with contextlib.suppress(PlaywrightError):
            if by_keys:
                await field.fill("", timeout=ACT_MS)
                await field.press_sequentially(text.plain, timeout=ACT_MS)
            else:
                await field.fill(text.plain, timeout=ACT_MS)

    async def tick(self, name: str, spec: dict[str, Any], on: bool) -> None:
        """Set a checkbox; one that is not there may only be missing where it should be off."""
        box = await self._find(name, spec, None if on else 0, required=on)
        for _ in range(ATTEMPTS):
            if box is None or bool(box.held) == on:
                return
            try:
                await _click(box.locator)
            except PlaywrightError:  # covered by a notice, most likely
                await self._dialogs.dismiss_notices()
            box = await self._find(name, spec, None, required=True)
        if box is not None and bool(box.held) != on:
            raise self._stuck(name, "cannot be set")

    async def choose(self, name: str, spec: dict[str, Any], wanted: str) -> None:
        """Choose from a select, a group of radio buttons or a drawn drop-down."""

        async def either() -> Seen | None:
            radio, field = await asyncio.gather(self._radio(spec, wanted), self.view.control(spec))
            return radio or field

        for _ in range(ATTEMPTS + 1):
            target = await self.view.until(either, self.view.settings.page)
            if target is None:
                raise await self._missing(name)
            if target.held == TICKED or re.match(rf"\W*{wanted}\b", target.held, re.IGNORECASE):
                return
            try:
                await self._pick(target, wanted)
            except PlaywrightError:
                await self._dialogs.dismiss_notices()
        raise self._stuck(name, f"offers no {wanted!r}")

    async def _radio(self, spec: dict[str, Any], wanted: str) -> Seen | None:
        group = "|".join(spec["words"])
        return await self.view.control(words.label(rf"{wanted}\b.{{0,25}}", kinds=["radio"], group=group, limit=5))

    async def _pick(self, target: Seen, wanted: str) -> None:
        if target.tag == "SELECT":
            fitting = [t for t in target.options if re.match(rf"\W*{wanted}\b", t, re.IGNORECASE)]
            if fitting:
                await target.locator.select_option(label=fitting[0], timeout=ACT_MS)
        elif target.kind == "radio":
            await _click(target.locator)
        else:
            await self._pick_drawn(target.locator, wanted)

    async def _pick_drawn(self, target: Locator, wanted: str) -> None:
        """Open a drawn drop-down and press the entry; its list may hang anywhere in the document."""
        option = words.button(rf"{wanted}\b.{{0,25}}")
        shown_before = len(await self.view.presses(option))

        async def entry() -> Locator | None:
            found = await self.view.presses(option)
            if len(found) <= shown_before:
                return None
            return (found[-1] if shown_before else found[0]).locator

        await target.click(timeout=ACT_MS)
        found = await self.view.until(entry, 2.0)
        if found is None:
            await target.press("ArrowDown", timeout=ACT_MS)
            found = await self.view.until(entry, 2.0)
        if found is not None:
            await found.click(timeout=ACT_MS)

    async def _find(self, name: str, spec: dict[str, Any], within: float | None, required: bool) -> Seen | None:
        limit = within if within is not None else self.view.settings.page
        control = await self.view.until(lambda: self.view.control(spec), limit)
        if control is None and required:
            raise await self._missing(name)
        return control

    async def _missing(self, name: str) -> PermanentError:
        return PermanentError(
            f"the page has no field {name!r}; it shows: {await self.view.says()}",
            where=self.view.access.node,
            hint="use `driver: operator` if the page differs",
        )

    def _stuck(self, name: str, why: str) -> PermanentError:
        return PermanentError(
            f"the field {name!r} {why}", where=self.view.access.node, hint="use `driver: operator` if the page differs"
        )


async def _click(box: Locator) -> None:
    """Click a box or radio button, or its label where a picture is drawn instead of it."""
    try:
        await box.click(timeout=1500)
    except PlaywrightError:
        label = await box.evaluate_handle("e => e.labels && e.labels[0] || e.parentElement", timeout=ACT_MS)
        element = label.as_element()
        if element is not None:
            await element.click(timeout=1500)
