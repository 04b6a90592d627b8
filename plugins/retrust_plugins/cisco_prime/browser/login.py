"""Logging in once, and seeing that it worked: the menu is there, or the form is gone; never by a status."""

from __future__ import annotations

import asyncio
from time import monotonic

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator

from retrust.errors import PermanentError, RetrustError, TemporaryError
from retrust_plugins.cisco_prime.browser import interstitials, words
from retrust_plugins.cisco_prime.browser.dialogs import Dialogs
from retrust_plugins.cisco_prime.browser.view import View

LOGIN_PAGE = "webacs/pages/common/login.jsp"
MENU = words.button(*words.ADMINISTRATION)
TEXT_BOXES = "input:not([type]):visible, input[type=text]:visible, input[type=email]:visible"
STANDS = 0.6
SHORT_PAGE = 350  # a dashboard says more than a refusal does


class Login:
    """The login of one browser; ``again`` is for a session that ran out while the work went on."""

    def __init__(self, view: View, dialogs: Dialogs) -> None:
        self.view = view
        self.dialogs = dialogs
        self.done = False
        self._busy = False

    async def enter(self) -> None:
        """Open the pages and log in, with one try."""
        status = await self.view.go(self.view.access.url)
        if status == 404 and not await self.form():
            await self.view.go(self.view.access.url + LOGIN_PAGE)
        await self.pass_form()

    async def pass_form(self) -> None:
        """Wait for the form and send it; a browser that is logged in already has none."""
        self._busy = True
        try:
            form = await self.view.until(self.form_or_menu, self.view.settings.page)
            if form == "menu":
                return
            if not form:
                raise await self._no_form()
            before = await self.view.lines()
            await self._send()
            await self._await_entry(before)
            self.done = True
        finally:
            self._busy = False

    async def form(self) -> Locator | None:
        """The password field of a login form; a form with several is another one."""
        return await self.view.field(words.LOGIN_PASSWORD)

    async def signed_out(self) -> bool:
        """Whether the session ran out: a login form is shown, be it in one frame only.

        A form for an ISE server has a password, too; what asks for it twice, or for more than a name beside
        it, is no login.
        """
        if not self.done or self._busy:
            return False
        beside, again, sign_in, button = await asyncio.gather(
            self.view.ask("textsBeside", words.LOGIN_PASSWORD),
            self.view.field(words.ISE_PASSWORD_AGAIN),
            self.view.press(words.SIGN_IN),
            self.view.press(words.LOGIN_BUTTON),
        )
        texts = [boxes for _, boxes in beside if boxes is not None]
        return bool(texts) and not again and bool(sign_in or (min(texts) <= 1 and button))

    async def ended(self) -> bool:
        """Whether the session is over: a login form is shown, or comes where the page is loaded in a tab of its own.

        A page whose script was answered with a login page may stand there unchanged.
        """
        if not self.done or await self.signed_out():
            return self.done
        tab = await self.view.opened.context.new_page()
        self.view.only = tab
        try:
            await tab.goto(self.view.page.url, wait_until="domcontentloaded", timeout=self.view.settings.page * 1000)
            await self.view.until(self._form_or_menu_shown, self.view.settings.settle * 2)
            return await self.signed_out()
        except PlaywrightError:
            return False
        finally:
            self.view.only = None
            await tab.close()

    async def _form_or_menu_shown(self) -> bool | None:
        return any(await asyncio.gather(self.form(), self._menu_shown())) or None

    async def _menu_shown(self) -> bool:
        return any(await asyncio.gather(self.view.press(MENU), self.view.press(words.MENU_TOGGLE)))

    async def again(self) -> None:
        """Log in again; the password was good before. The form may stand in a frame of what was there."""
        await self.view.go(self.view.access.url)
        await self.pass_form()

    async def again_if_asked(self) -> None:
        if await self.signed_out():
            await self.again()

    async def form_or_menu(self) -> str | None:
        """Which of the two is shown; once logged in, a menu that is folded away counts."""
        form, menu, folded = await asyncio.gather(
            self.form(), self.view.press(MENU), self.view.press(words.MENU_TOGGLE)
        )
        if form:
            return "form"
        if menu or (self.done and folded):
            return "menu"
        text = await self.view.says()
        if words.LOGIN_BLOCKED.search(text):
            raise self._blocked(text)
        return None

    def _blocked(self, text: str) -> RetrustError:
        return TemporaryError(
            f"the login page is closed: {text}",
            where=self.view.access.node,
            hint="wait, or end sessions that are no longer used",
        )

    async def _send(self) -> None:
        access, view = self.view.access, self.view
        password, user, button = await asyncio.gather(
            self.form(), view.field(words.LOGIN_USER), view.press(words.LOGIN_BUTTON)
        )
        assert password is not None
        view.secret_fields.append(password)
        user = user or await _only_text_box(password)
        try:
            if user is not None:
                await user.fill(access.username, timeout=8000)
            await password.fill(access.password.get_secret_value(), timeout=8000)
        except PlaywrightError:  # its text lists the call with the password
            raise TemporaryError("the login form cannot be filled in", where=access.node) from None
        try:
            if button is not None:
                await button.click(timeout=8000, no_wait_after=True)
            else:
                await password.press("Enter", timeout=8000)
        except PlaywrightError as exc:
            raise view.unreachable(exc) from None

    async def _await_entry(self, before: list[str]) -> None:
        """Wait until the menu is there, or the page says why not.

        A page that is still building up may say anything for a moment: without the form, words count only
        when they stay.
        """
        view, end = self.view, monotonic() + self.view.settings.page
        verdict_since = gone_since = 0.0
        seen = view.opened.changes.count
        while monotonic() < end:
            await view.changed(seen)
            seen = view.opened.changes.count
            if await self._entered():
                return
            if await self._between():
                verdict_since = gone_since = 0.0
                continue
            shown, form, now = await view.says(without=before), await self.form(), monotonic()
            verdict = self._judged(shown, bool(form))
            verdict_since = verdict_since or now if verdict else 0.0
            if verdict and (form or now - verdict_since > view.settings.settle):
                raise verdict
            gone_since = 0.0 if form else gone_since or now
            if gone_since and now - gone_since > view.settings.settle:
                await self.dialogs.dismiss_notices()
                if await view.press(words.MENU_TOGGLE):
                    return
        raise await self._not_entered()

    async def _between(self) -> bool:
        """Pass a page that stands between login and menu; whether there was one. Raises where it asks for more."""
        counts, inside, buttons = await asyncio.gather(
            self.view.gather("howMany", words.LOGIN_PASSWORD), self._menu_shown(), self.view.gather("pressables")
        )
        boxes = sum(counts)
        if boxes == 1 or inside:
            return False  # the login form itself
        text = await self.view.says(without=buttons, most=2 * SHORT_PAGE)
        decided = interstitials.answer(text, buttons, boxes=boxes, page=True)
        if decided is None or len(text) > 2 * SHORT_PAGE or await self._moves(text, buttons):
            return False
        if isinstance(decided, interstitials.Refuse):
            raise PermanentError(
                f"after the login the pages ask for {decided.why}: {text}",
                where=self.view.access.node,
                hint="nothing was answered; a person must look at the pages",
            )
        return await self._press(decided.button, text)

    async def _moves(self, text: str, buttons: list[str]) -> bool:
        """Whether the page is still building up."""
        await asyncio.sleep(STANDS)
        return await self.view.busy() or await self.view.says(without=buttons, most=2 * SHORT_PAGE) != text

    async def _press(self, button: str, text: str) -> bool:
        target = await self.view.press(words.button(words.literal(button)))
        try:
            if target is None:
                return False
            await target.click(timeout=3000)
        except PlaywrightError:
            return False
        self.dialogs.notices.append(text)
        return True

    async def _entered(self) -> bool:
        if self.dialogs.notices and words.LOGIN_REFUSED.search(self.dialogs.notices[-1]):
            raise self._refused(self.dialogs.notices[-1])
        menu, form = await asyncio.gather(self.view.press(MENU), self.form())
        return menu is not None and form is None

    def _judged(self, shown: str, form: bool) -> RetrustError | None:
        """What new text on the page means for the login, None where it means nothing."""
        if words.LOGIN_BLOCKED.search(shown) and len(shown) < SHORT_PAGE:
            return self._blocked(shown)
        about_login = form or (words.ABOUT_LOGIN.search(shown) and len(shown) < SHORT_PAGE)
        return self._refused(shown) if about_login and words.LOGIN_REFUSED.search(shown) else None

    async def _not_entered(self) -> PermanentError:
        if await self.form():
            return self._refused(await self.view.says())
        return PermanentError(
            f"logged in, but no menu named Administration is shown; there is: {await self.view.offered()}",
            where=self.view.access.node,
            hint="has this user administrator privileges?",
        )

    def _refused(self, shown: str) -> PermanentError:
        access = self.view.access
        return PermanentError(
            f"the web login of {access.username!r} was refused: {shown or 'the form came back'}",
            where=access.node,
            hint="it was tried once; check web.username and web.password",
        )

    async def _no_form(self) -> RetrustError:
        self.view.check_connection()
        return TemporaryError(
            f"no login form appeared; the page shows: {await self.view.says() or 'nothing'}",
            where=self.view.access.node,
            hint="is the server still starting?",
        )


async def _only_text_box(beside: Locator) -> Locator | None:
    """The first text box in the frame of another field."""
    handle = await beside.element_handle(timeout=8000)
    frame = await handle.owner_frame()
    boxes = frame.locator(TEXT_BOXES) if frame else None
    return boxes.first if boxes and await boxes.count() else None
