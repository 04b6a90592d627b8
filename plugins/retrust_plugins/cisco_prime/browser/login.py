"""Logging in once, and seeing that it worked: the menu is there, or the form is gone; never by a status."""

from __future__ import annotations

import asyncio
from time import monotonic

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Locator

from retrust.errors import PermanentError, RetrustError, TemporaryError
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.dialogs import Dialogs
from retrust_plugins.cisco_prime.browser.view import LOOK_EVERY, View

LOGIN_PAGE = "webacs/pages/common/login.jsp"
MENU = words.button(*words.ADMINISTRATION)
SHORT_PAGE = 350  # a dashboard says more than a refusal does


class Login:
    """The login of one browser; ``again`` is for a session that ran out while the work went on."""

    def __init__(self, view: View, dialogs: Dialogs) -> None:
        self.view = view
        self.dialogs = dialogs
        self.done = False

    async def enter(self) -> None:
        """Open the pages and log in, with one try."""
        status = await self.view.go(self.view.access.url)
        if status == 404 and not await self.form():
            await self.view.go(self.view.access.url + LOGIN_PAGE)
        await self.pass_form()

    async def pass_form(self) -> None:
        """Wait for the form and send it; a browser that is logged in already has none."""
        form = await self.view.until(self.form_or_menu, self.view.settings.page)
        if form == "menu":
            return
        if not form:
            raise await self._no_form()
        before = await self.view.lines()
        await self._send()
        await self._await_entry(before)
        self.done = True

    async def form(self) -> Locator | None:
        """The password field of a login form; a form with several is another one."""
        return await self.view.field(words.LOGIN_PASSWORD)

    async def signed_out(self) -> bool:
        """Whether the session ran out: a login form is shown, be it in one frame only.

        A form for an ISE server has a password, too; what asks for it twice is no login.
        """
        if not (self.done and await self.form()) or await self.view.field(words.ISE_PASSWORD_AGAIN):
            return False
        return await self.view.press(words.SIGN_IN) is not None or (
            await self.view.press(MENU) is None and await self.view.press(words.MENU_TOGGLE) is None
            and await self.view.press(words.LOGIN_BUTTON) is not None)

    async def again_if_asked(self) -> None:
        """Log in again where the session ran out; the password was good before."""
        if await self.signed_out():
            await self.view.go(self.view.access.url)  # the form may stand in a frame of what was there before
            await self.pass_form()

    async def form_or_menu(self) -> str | None:
        """Which of the two is shown; once logged in, a menu that is folded away counts."""
        if await self.form():
            return "form"
        if await self.view.press(MENU) or (self.done and await self.view.press(words.MENU_TOGGLE)):
            return "menu"
        text = await self.view.says()
        if words.LOGIN_BLOCKED.search(text):
            raise self._blocked(text)
        return None

    def _blocked(self, text: str) -> RetrustError:
        return TemporaryError(f"the login page is closed: {text}", where=self.view.access.node,
                             hint="wait, or end sessions that are no longer used")

    async def _send(self) -> None:
        access, view = self.view.access, self.view
        password = await self.form()
        assert password is not None
        view.secret_fields.append(password)
        frame = await _frame_of(password)
        user = await self._user_field(frame)
        try:
            if user is not None:
                await user.fill(access.username, timeout=8000)
            await password.fill(access.password.get_secret_value(), timeout=8000)
        except PlaywrightError:  # its text lists the call with the password
            raise TemporaryError("the login form cannot be filled in", where=access.node) from None
        button = await view.press(words.LOGIN_BUTTON)
        try:
            if button is not None:
                await button.click(timeout=8000, no_wait_after=True)
            else:
                await password.press("Enter", timeout=8000)
        except PlaywrightError as exc:
            raise view.unreachable(exc) from None

    async def _user_field(self, frame: Frame | None) -> Locator | None:
        found = await self.view.field(words.LOGIN_USER)
        if found is None and frame is not None:
            only = frame.locator("input:not([type]):visible, input[type=text]:visible, input[type=email]:visible")
            found = only.first if await only.count() else None
        return found

    async def _await_entry(self, before: list[str]) -> None:
        """Wait until the menu is there, or the page says why not.

        A page that is still building up may say anything for a moment: without the form, words count only
        when they stay.
        """
        view, end = self.view, monotonic() + self.view.settings.page
        verdict_since = gone_since = 0.0
        while monotonic() < end:
            await asyncio.sleep(LOOK_EVERY)
            if await self._entered():
                return
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

    async def _entered(self) -> bool:
        if self.dialogs.notices and words.LOGIN_REFUSED.search(self.dialogs.notices[-1]):
            raise self._refused(self.dialogs.notices[-1])
        return await self.view.press(MENU) is not None and await self.form() is None

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
            where=self.view.access.node, hint="has this user administrator privileges?")

    def _refused(self, shown: str) -> PermanentError:
        access = self.view.access
        return PermanentError(f"the web login of {access.username!r} was refused: {shown or 'the form came back'}",
                              where=access.node, hint="it was tried once; check web.username and web.password")

    async def _no_form(self) -> RetrustError:
        self.view.check_connection()
        return TemporaryError(f"no login form appeared; the page shows: {await self.view.says() or 'nothing'}",
                              where=self.view.access.node, hint="is the server still starting?")


async def _frame_of(field: Locator) -> Frame | None:
    handle = await field.element_handle(timeout=8000)
    return await handle.owner_frame() if handle else None
