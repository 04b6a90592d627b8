"""The High Availability pages: reading the mode, filling in the form, the readiness check, registering.

Which modes allow registering is the caller's decision; following a registration is ``milestones``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator

from retrust.errors import PermanentError, TemporaryError
from retrust.models import Progress, Relation
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.asks import HaOutcome, HaRequest
from retrust_plugins.cisco_prime.browser.dialogs import about_registering
from retrust_plugins.cisco_prime.browser.milestones import Following
from retrust_plugins.cisco_prime.browser.readiness import Readiness
from retrust_plugins.cisco_prime.browser.session import Session
from retrust_plugins.cisco_prime.browser.widgets import Form, Text
from retrust_plugins.cisco_prime.modes import MODES, mode_relation

PATH = (words.ADMINISTRATION, words.SETTINGS, words.HIGH_AVAILABILITY)


class HaPages:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.view = session.view
        self.form = Form(session.view, session.dialogs)

    # -------------------------------------------------------------- the mode

    async def mode(self) -> Relation:
        """The Configuration Mode, verbatim, as a page shows it that was loaded for this look."""
        return await self.session.renewing(self._mode)

    async def _mode(self) -> Relation:
        await self.session.fresh()
        await self.open()
        text = await self._awaited_mode(self.view.settings.settle * 2)
        if text is None and await self._form_shown():  # the form stayed open, and the mode stands elsewhere
            await self.session.menu.walk(PATH, self._here)
            text = await self._awaited_mode(self.view.settings.settle * 2)
        if text is None and await self.open_configuration():
            text = await self._awaited_mode(self.view.settings.page)
        if text is None:
            stands = ", ".join(map(repr, dict.fromkeys(await self._mode_values()))) or "nowhere on the page"
            raise TemporaryError(
                f"the Configuration Mode is not known: it stands {stands}; the page says: {await self.view.says()}",
                where=self.view.access.node,
            )
        return mode_relation(text)

    async def open(self) -> None:
        """Be on the High Availability page."""
        if not await self._here():
            await self.session.menu.walk(PATH, self._here)

    async def shown_mode(self) -> str | None:
        """What stands at Configuration Mode now; None while nothing does, or places tell different modes."""
        there = list(dict.fromkeys(v for v in await self._mode_values() if not words.UNSETTLED.match(v)))
        listed = [v for v in there if " ".join(v.split()).casefold() in MODES]
        return listed[0] if len(listed) == 1 else there[0] if len(there) == 1 else None

    async def _mode_values(self) -> list[str]:
        return [
            value for value in await self.view.values(words.CONFIGURATION_MODE) if not words.OTHER_LABELS.match(value)
        ]

    async def _awaited_mode(self, within: float) -> str | None:
        """The mode within the time; a place that is still empty gets the time of a page."""
        text = await self.view.until(self.shown_mode, within)
        if text is None and await self._mode_values():
            text = await self.view.until(self.shown_mode, max(0.0, self.view.settings.page - within))
        return text

    async def _here(self) -> bool:
        return any(
            await asyncio.gather(
                self._mode_values(),
                self.view.press(words.HA_CONFIGURATION),
                self.view.field(words.SECONDARY_SERVER),
            )
        )

    async def open_configuration(self) -> bool:
        if await self._form_shown():
            return True
        found = await self.view.until(lambda: self.view.press(words.HA_CONFIGURATION), self.view.settings.settle)
        if found is None:
            return False
        await self.session.click(found)
        return True

    async def _form_shown(self) -> bool:
        return await self.view.field(words.AUTHENTICATION_KEY) is not None

    # -------------------------------------------------------------- registering

    async def register(self, ask: HaRequest, before_send: Callable[[], Awaitable[None]]) -> HaOutcome:
        """Fill in the form, check readiness, register, and follow it to a healthy mode."""
        following = Following(self.session, self)
        rows, button = await self.session.renewing(lambda: self._prepare(ask, following))
        await self._send(button, following, before_send)
        try:
            mode = await following.to_the_end()
        finally:
            self.session.dialogs.expected = None
        return HaOutcome(mode, rows, tuple(self.session.dialogs.notices))

    async def _prepare(self, ask: HaRequest, following: Following) -> tuple[tuple[str, ...], Locator]:
        """The form filled in and the readiness check passed; its rows, and Register as it is to be pressed."""
        await self.session.fresh()
        await self.open()
        await following.remember()
        if not await self.open_configuration():
            raise PermanentError(
                f"no HA Configuration is offered; there is: {await self.view.offered()}", where=self.view.access.node
            )
        await self.fill(ask)
        rows = await Readiness(self.session).check(ask.secondary)
        await self.session.dialogs.dismiss_notices()
        await self.fill(ask)  # a page that renders itself anew may have lost what was filled in
        return rows, await self._enabled_register()

    async def fill(self, ask: HaRequest) -> None:
        """The documented fields, each read back."""
        form, virtual = self.form, bool(ask.virtual_ipv4 or ask.virtual_ipv6)
        key = ask.authentication_key
        texts = [
            Text("Secondary Server", words.SECONDARY_SERVER, ask.secondary),
            Text("Authentication Key", words.AUTHENTICATION_KEY, key),
            Text("Confirm Authentication Key", words.AUTHENTICATION_KEY_AGAIN, key, within=0),
        ]
        if ask.email:
            texts.append(Text("Email Address", words.EMAIL_ADDRESS, ",".join(ask.email)))
        await form.fill(*texts)
        await form.choose("Failover Type", words.FAILOVER_TYPE, ask.failover.capitalize())
        await form.tick("Enable Virtual IP", words.ENABLE_VIRTUAL_IP, virtual)
        if ask.virtual_ipv4:
            texts.append(Text("IPV4 Virtual IP", words.VIRTUAL_IPV4, ask.virtual_ipv4))
        if ask.virtual_ipv6:
            texts.append(Text("IPV6 Virtual IP", words.VIRTUAL_IPV6, ask.virtual_ipv6))
        await form.fill(*texts)

    async def _send(self, button: Locator, following: Following, before_send: Callable[[], Awaitable[None]]) -> None:
        await following.remember()
        self.session.dialogs.check()
        self.session.dialogs.expected = about_registering
        await before_send()
        await self.session.tell(Progress("Register"))
        try:
            await button.click(timeout=10_000, no_wait_after=True)
        except PlaywrightError as exc:
            self.view.check_connection()
            self.session.dialogs.check()
            raise TemporaryError(
                f"Register could not be pressed: {exc.message.splitlines()[0]}", where=self.view.access.node
            ) from None

    async def _enabled_register(self) -> Locator:
        end = monotonic() + self.view.settings.page
        while True:
            seen = self.view.opened.changes.count
            button = await self.view.press(words.REGISTER)
            try:
                if button is not None:
                    await button.click(trial=True, timeout=2000)
                    return button
            except PlaywrightError:
                await self.session.dialogs.dismiss_notices()
            if monotonic() > end:
                what = "is not enabled" if button is not None else "is not there"
                raise PermanentError(
                    f"the button Register {what}; the page says: {await self.view.says()}", where=self.view.access.node
                )
            await self.view.changed(seen)
