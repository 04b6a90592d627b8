"""Filling in forms, whatever the widgets are made of: every value is read back before it counts as set."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator
from pydantic import SecretStr

from retrust.errors import PermanentError
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.dialogs import Dialogs
from retrust_plugins.cisco_prime.browser.view import View

ATTEMPTS = 4
ACT_MS = 8000


class Form:
    """The fields of the form that is shown now."""

    def __init__(self, view: View, dialogs: Dialogs) -> None:
        self.view = view
        self._dialogs = dialogs
        self._filled: dict[str, tuple[dict[str, Any], str]] = {}

    async def stand(self) -> None:
        """Raise where a value is gone again: two labels that lead to one field, or a page that changed it."""
        filled, self._filled = self._filled, {}
        for name, (spec, plain) in filled.items():
            field = await self._find(name, spec, None, required=True)
            if field is None or not await self._holds(field, plain):
                raise self._stuck(name, "lost what was filled in when another field was")

    async def _holds(self, field: Locator, plain: str) -> bool:
        try:
            return await _held(field) == plain
        except PlaywrightError:
            return False

    async def fill(
        self,
        name: str,
        spec: dict[str, Any],
        value: str | SecretStr,
        *,
        within: float | None = None,
        required: bool = True,
    ) -> bool:
        """Fill a text field; False where it is not there and not required."""
        field = await self._find(name, spec, within, required)
        if field is None:
            return False
        secret = isinstance(value, SecretStr)
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        if secret:
            self.view.secret_fields.append(field)
        for attempt in range(ATTEMPTS):
            if await self._set(field, plain, by_keys=attempt % 2 == 1):
                self._filled[name] = (spec, plain)
                return True
        raise self._stuck(name, "does not keep what is filled in")

    async def _set(self, field: Locator, plain: str, *, by_keys: bool) -> bool:
        # Playwright's errors list the calls with their values: none of them may leave this function.
        try:
            if await _held(field) == plain:
                return True
            if by_keys:
                await field.fill("", timeout=ACT_MS)
                await field.press_sequentially(plain, timeout=ACT_MS)
            else:
                await field.fill(plain, timeout=ACT_MS)
            await field.blur(timeout=ACT_MS)
            return await _held(field) == plain
        except PlaywrightError:
            return False

    async def tick(self, name: str, spec: dict[str, Any], on: bool) -> None:
        """Set a checkbox; one that is not there may only be missing where it should be off."""
        box = await self._find(name, spec, None if on else 0, required=on)
        if box is None:
            return
        for _ in range(ATTEMPTS):
            try:
                if await box.is_checked(timeout=ACT_MS) == on:
                    return
                await _click(box)
            except PlaywrightError:  # covered by a notice, most likely
                await self._dialogs.dismiss_notices()
        raise self._stuck(name, "cannot be set")

    async def choose(self, name: str, spec: dict[str, Any], wanted: str) -> None:
        """Choose from a select, a group of radio buttons or a drawn drop-down."""

        async def either() -> Locator | None:
            return await self._radio(spec, wanted) or await self.view.field(spec)

        target = await self.view.until(either, self.view.settings.page)
        if target is None:
            raise await self._missing(name)
        for _ in range(ATTEMPTS):
            try:
                if await self._chosen(target, wanted):
                    return
                await self._pick(target, wanted)
            except PlaywrightError:
                await self._dialogs.dismiss_notices()
                target = await either() or target
        if not await self._chosen(target, wanted):
            raise self._stuck(name, f"offers no {wanted!r}")

    async def _radio(self, spec: dict[str, Any], wanted: str) -> Locator | None:
        group = "|".join(spec["words"])
        return await self.view.field(words.label(rf"{wanted}\b.{{0,25}}", kinds=["radio"], group=group, limit=5))

    async def _chosen(self, target: Locator, wanted: str) -> bool:
        shown = await target.evaluate(
            "e => e.tagName === 'SELECT' ? (e.options[e.selectedIndex] || {}).text || ''"
            " : e.type === 'radio' ? (e.checked ? '\\u0001' : '') : e.getAttribute('role') === 'radio'"
            " ? (e.getAttribute('aria-checked') === 'true' ? '\\u0001' : '')"
            " : e.tagName === 'INPUT' ? e.value : e.innerText",
            timeout=ACT_MS,
        )
        return shown == "\x01" or bool(re.match(rf"\W*{wanted}\b", shown, re.IGNORECASE))

    async def _pick(self, target: Locator, wanted: str) -> None:
        tag = await target.evaluate("e => e.tagName + ':' + (e.type || e.getAttribute('role') || '')", timeout=ACT_MS)
        if tag.startswith("SELECT"):
            texts = await target.evaluate("e => [...e.options].map((o) => o.text)", timeout=ACT_MS)
            fitting = [t for t in texts if re.match(rf"\W*{wanted}\b", t, re.IGNORECASE)]
            if fitting:
                await target.select_option(label=fitting[0], timeout=ACT_MS)
        elif tag.endswith(":radio"):
            await _click(target)
        else:
            await self._pick_drawn(target, wanted)

    async def _pick_drawn(self, target: Locator, wanted: str) -> None:
        """Open a drawn drop-down and press the entry; its list may hang anywhere in the document."""
        option = words.button(rf"{wanted}\b.{{0,25}}")
        shown_before = len(await self.view.presses(option))

        async def entry() -> Locator | None:
            found = await self.view.presses(option)
            if len(found) <= shown_before:
                return None
            return found[0] if not shown_before else found[-1]

        await target.click(timeout=ACT_MS)
        found = await self.view.until(entry, 2.0)
        if found is None:
            await target.press("ArrowDown", timeout=ACT_MS)
            found = await self.view.until(entry, 2.0)
        if found is not None:
            await found.click(timeout=ACT_MS)

    async def _find(self, name: str, spec: dict[str, Any], within: float | None, required: bool) -> Locator | None:
        limit = within if within is not None else self.view.settings.page
        field = await self.view.until(lambda: self.view.field(spec), limit)
        if field is None and required:
            raise await self._missing(name)
        return field

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


async def _held(field: Locator) -> str:
    return str(await field.evaluate("e => 'value' in e ? e.value : e.textContent", timeout=ACT_MS))
