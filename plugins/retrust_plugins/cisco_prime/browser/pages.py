"""The web pages of one appliance, logged in: what a target can read there and do there."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import Error as PlaywrightError

from retrust.browser import open_browser
from retrust.errors import RetrustError, TemporaryError
from retrust.models import Relation
from retrust.secrets import Redactor
from retrust_plugins.cisco_prime.browser.asks import (
    BrowserSettings,
    HaOutcome,
    HaRequest,
    IseRequest,
    WebAccess,
)
from retrust_plugins.cisco_prime.browser.ha import HaPages
from retrust_plugins.cisco_prime.browser.ise import IseServers
from retrust_plugins.cisco_prime.browser.session import Session, Told
from retrust_plugins.cisco_prime.browser.trust import trusted_fingerprint
from retrust_plugins.cisco_prime.browser.view import View, resident_script, selector_engines

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

BeforeSend = Callable[[], Awaitable[None]]


async def _nothing_before() -> None:
    """Where the caller has nothing to check before a send."""


class Pages:
    """The pages of one node. Every failure leaves a picture, where pictures are kept."""

    def __init__(self, session: Session, shots: Path | None) -> None:
        self._session = session
        self._view = session.view
        self._shots = shots

    async def ha_mode(self) -> Relation:
        """The Configuration Mode, verbatim."""
        async with self._kept("ha-mode"):
            return await HaPages(self._session).mode()

    async def register_ha(self, ask: HaRequest, *, before_send: BeforeSend = _nothing_before) -> HaOutcome:
        """Register HA; ``before_send`` is awaited immediately before Register is pressed."""
        self._view.redactor.add(ask.authentication_key)
        async with self._kept("register-ha"):
            return await HaPages(self._session).register(ask, before_send)

    async def ise_status(self, host: str) -> Relation | None:
        """What the ISE table says of this server, verbatim; None where it has no row."""
        async with self._kept("ise-status"):
            return await IseServers(self._session).status(host)

    async def add_ise(self, ask: IseRequest, *, before_send: BeforeSend = _nothing_before) -> Relation:
        """Add an ISE server; ``before_send`` is awaited immediately before Save is pressed."""
        self._view.redactor.add(ask.password)
        async with self._kept("add-ise"):
            return await IseServers(self._session).add(ask, before_send)

    async def shot(self, name: str) -> Path | None:
        """A picture of the page, secrets covered; None where pictures are not kept."""
        if self._shots is None or not self._view.opened.context.pages:
            return None
        self._shots.mkdir(parents=True, exist_ok=True)
        safe = re.sub(r"[^\w.-]+", "-", f"{self._view.access.node}-{name}")
        path = self._shots / f"{time.strftime('%Y%m%dT%H%M%S')}-{time.time_ns() % 10**6:06d}-{safe}.png"
        page = self._view.opened.context.pages[-1]
        try:
            await page.screenshot(path=path, mask=await self._secrets(page), timeout=10_000)
        except PlaywrightError:
            path.unlink(missing_ok=True)
            return None
        return path

    async def _secrets(self, page: Page) -> list[Locator]:
        """Every field that hides its text, or that a secret was filled into."""
        return [*(frame.locator("input[type=password]") for frame in page.frames), *self._view.secret_fields]

    @asynccontextmanager
    async def _kept(self, what: str) -> AsyncIterator[None]:
        """Translate what the browser raises, and add the path of a picture to what goes on."""
        try:
            yield
            self._session.dialogs.check()
        except RetrustError as exc:
            await self._picture(exc, what)
            raise
        except PlaywrightError as exc:
            told = self._translated(exc)
            await self._picture(told, what)
            raise told from None  # its text lists calls with the values that were filled in

    def _translated(self, exc: PlaywrightError) -> RetrustError:
        if self._view.opened.relay.changed:
            return self._view.opened.relay.changed
        first = self._view.redactor.redact(exc.message.splitlines()[0])
        return TemporaryError(f"the web pages did not act as expected: {first}", where=self._view.access.node)

    async def _picture(self, exc: RetrustError, what: str) -> None:
        path = await self.shot(f"failed-{what}")
        if path is not None:
            exc.hint = f"{exc.hint}; picture: {path}" if exc.hint else f"picture: {path}"


@asynccontextmanager
async def open_pages(
    access: WebAccess,
    *,
    settings: BrowserSettings | None = None,
    shots: Path | None = None,
    progress: Told = lambda _: None,
    redactor: Redactor | None = None,
) -> AsyncIterator[Pages]:
    """Log in to the pages of a node, once its certificate is the one that the inventory trusts.

    The browser is not started for any other certificate. Leaving the block ends it.
    """
    fingerprint = await trusted_fingerprint(access)
    redactor = redactor or Redactor()
    redactor.add(access.password)
    async with open_browser(
        access.origin, node=access.node, fingerprint=fingerprint, address=access.reached_at, engines=selector_engines()
    ) as opened:
        await opened.context.add_init_script(resident_script())
        page = await opened.context.new_page()
        view = View(opened, page, access, settings or BrowserSettings(), redactor)
        session = Session(view, progress)
        opened.context.on("dialog", session.dialogs.native)
        pages = Pages(session, shots)
        async with pages._kept("login"):
            await session.enter()
        yield pages
