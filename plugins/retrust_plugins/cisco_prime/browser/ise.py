"""The ISE Servers page: a server's row and status, and adding a server.

Whether an entry that exists blocks an add is not known; so it is tried, and a refusal is quoted. A status
may lag behind an add until the next poll: the caller looks again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from time import monotonic

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator

from retrust.errors import PermanentError, TemporaryError
from retrust.models import Progress, Relation
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.asks import IseRequest
from retrust_plugins.cisco_prime.browser.ise_rows import (
    ISE,
    boxed_status,
    host_pattern,
    is_refusal,
    is_row_of,
    ise_relation,
    table_status,
    together,
)
from retrust_plugins.cisco_prime.browser.session import Session
from retrust_plugins.cisco_prime.browser.view import DONE_AFTER, Seen
from retrust_plugins.cisco_prime.browser.widgets import Form, Text

PATH = (words.ADMINISTRATION, words.SERVERS, words.ISE_SERVERS)
SAVED = re.compile(r"\bsuccess|\b(saved|added)\b", re.I)
ROW_STANDS = 0.3
"""Seconds for which a row must stand where the page never says that it is done."""
STANDS = 0.5
"""Seconds for which the list must stand without the form, on a page that never says that it is done."""


class IseServers:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.view = session.view
        self.form = Form(session.view, session.dialogs)

    # -------------------------------------------------------------- reading

    async def status(self, host: str) -> Relation | None:
        """What the table says of this server, None where it has no row."""

        async def look() -> Relation | None:
            await self.session.fresh()
            await self.session.menu.walk(PATH, self._here)
            return await self._row_status(host)

        return await self.session.renewing(look)

    async def _as_it_stands(self, host: str) -> Relation | None:
        """The same of the list that is shown already, or is opened, as soon as that page says it is done."""
        if not await self._here():
            await self.session.menu.walk(PATH, self._here)
        return await self._row_status(host, soon=True)

    async def _here(self) -> bool:
        command, add, rows = await asyncio.gather(
            self._command(), self.view.press(words.button(words.ADD_ISE["words"][0])), self.view.gather("rows")
        )
        return bool(command or add) or any(
            re.search(r"\bise\b", " ".join(row["cells"]), re.I) and row["header"] for row in rows
        )

    async def _row_status(self, host: str, *, soon: bool = False) -> Relation | None:
        """Look until the table stands still; a table that is loading shows no row yet, a cell no status."""
        last: list[Relation] | None = None
        limits, begun = self.view.settings, monotonic()
        since = begun
        while True:
            seen = self.view.opened.changes.count
            found, busy = await asyncio.gather(self._look(host), self.view.busy())
            if found != last or busy:
                last, since = found, monotonic()
            still, over = monotonic() - since, monotonic() - begun > limits.page
            awaited, done = any(relation.detail for relation in found), self.view.done
            if (
                (found and not awaited and (still > ROW_STANDS or (done and not busy)))
                or (not awaited and still > limits.settle)
                or (soon and not found and done and not busy)
                or over
                or still > 3 * limits.settle
            ):
                return together(found)
            await self.view.changed(seen, DONE_AFTER)

    async def _look(self, host: str, *, tables_only: bool = False) -> list[Relation]:
        """What each row for this server says; a status that is not there yet is none, with what stands there."""
        rows, word = await self.view.gather("rows"), host_pattern(host)
        said = [table_status(rows, at, word) for at in range(len(rows)) if is_row_of(rows, at, word)]
        if not said and not tables_only:
            spec = {
                "word": rf"(^|[^\w.:-]){words.literal(host)}($|[^\w.-])",
                "label": r"[\w ]*(status|state|reachability)",
            }
            said = [boxed_status(one, word) for one in await self.view.gather("around", spec)]
        return [ise_relation(self.view.redactor.redact(text) if text else text) for text in said]

    # -------------------------------------------------------------- adding

    async def add(self, ask: IseRequest, before_send: Callable[[], Awaitable[None]]) -> Relation:
        """Add the server, as documented; its row's status afterwards.

        Whether it is missing was looked at with patience by the caller; a row that is there is seen here.
        """
        present = await self.session.renewing(lambda: self._as_it_stands(ask.host))
        if present is not None and present.healthy:
            return Relation(status=present.status, healthy=True, detail="it was listed already, nothing was sent")
        listed = f"it was listed before as {present.status!r}" if present else None
        await self.session.tell(Progress(f"Add ISE Server {ask.host}"))
        button = await self.session.renewing(lambda: self._prepare(ask))
        known = await self.view.lines()
        notices = len(self.session.dialogs.notices)
        await before_send()
        try:
            await button.click(timeout=10_000, no_wait_after=True)
        except PlaywrightError as exc:
            self.view.check_connection()
            self.session.dialogs.check()
            raise PermanentError(
                f"Save could not be pressed: {exc.message.splitlines()[0]}", where=self.view.access.node
            ) from None
        await self._saved(ask, set(known), notices, listed)
        return await self._added(ask, listed)

    async def _prepare(self, ask: IseRequest) -> Locator:
        """The form filled in; Save as it is to be pressed."""
        if not await self._here():
            await self.session.menu.walk(PATH, self._here)
        await self._open_form()
        await self._fill(ask)
        return await self._save_button()

    async def _command(self) -> Seen | None:
        field, buttons = await asyncio.gather(
            self.view.control(words.SELECT_A_COMMAND), self.view.presses(words.SELECT_BUTTON)
        )
        return field or next(iter(buttons), None)

    async def _open_form(self) -> None:
        """Select a command > Add ISE Server, then Go; or the button of that name where there is one."""
        command, direct = await self.view.until(self._opener, self.view.settings.page) or (None, None)
        if command is not None:
            if command.tag == "SELECT":
                await self.form.choose("Select a command", words.SELECT_A_COMMAND_OR_CHOSEN, "Add ISE Server")
            else:
                await self._choose_from_menu(command)
            await self._go()
        elif direct is not None:
            await self.session.click(direct)
        else:
            raise PermanentError(
                f"no Add ISE Server is offered; there is: {await self.view.offered()}", where=self.view.access.node
            )
        if not await self.view.until(self._form_shown, self.view.settings.page):
            raise PermanentError(
                f"Add ISE Server led to no form; the page says: {await self.view.says()}", where=self.view.access.node
            )

    async def _opener(self) -> tuple[Seen | None, Locator | None] | None:
        command, direct = await asyncio.gather(self._command(), self.view.press(words.ADD_ISE))
        return (command, direct) if command or direct else None

    async def _choose_from_menu(self, menu: Seen) -> None:
        await self.session.click(menu.locator)
        entry = await self.view.until(lambda: self.view.press(words.ADD_ISE), self.view.settings.settle * 2)
        if entry is None:
            raise PermanentError(
                f"Select a command offers no Add ISE Server; there is: {await self.view.offered()}",
                where=self.view.access.node,
            )
        await self.session.click(entry)

    async def _go(self) -> None:
        """Press the Go that stands nearest to the command; a page's search has one, too."""

        async def form_or_go() -> tuple[bool, list[Seen], Seen | None] | None:
            form, buttons, command, chosen = await asyncio.gather(
                self._form_shown(),
                self.view.presses(words.GO),
                self._command(),
                self.view.presses(words.button(words.ADD_ISE["words"][0])),
            )
            return (form, buttons, command or next(iter(chosen), None)) if form or buttons else None

        form, buttons, command = await self.view.until(form_or_go, 2.0) or (True, [], None)
        if buttons and not form:
            await self.session.click(_nearest(buttons, command).locator)

    async def _form_shown(self) -> bool:
        return await self.view.field(words.ISE_PASSWORD) is not None

    async def _fill(self, ask: IseRequest) -> None:
        await self.form.fill(
            Text("IP address", words.ISE_ADDRESS, ask.host),
            Text("Port", words.ISE_PORT, str(ask.port), within=0),
            Text("User name", words.ISE_USER, ask.username),
            Text("Password", words.ISE_PASSWORD, ask.password),
            Text("Confirm password", words.ISE_PASSWORD_AGAIN, ask.password, within=0.5),
        )

    async def _save_button(self) -> Locator:
        button = await self.view.until(lambda: self.view.press(words.SAVE), self.view.settings.page)
        if button is None:
            raise PermanentError(
                f"no Save is offered; there is: {await self.view.offered()}", where=self.view.access.node
            )
        try:
            await button.click(trial=True, timeout=6000)
        except PlaywrightError:
            raise PermanentError(
                f"the button Save is not enabled; the page says: {await self.view.says()}", where=self.view.access.node
            ) from None
        return button

    async def _saved(self, ask: IseRequest, known: set[str], notices: int, listed: str | None) -> None:
        """Wait until the form is gone for good, or the page says what it does not like.

        Between two pages there is no form either, and the next one may be the form again with a refusal on it.
        Where the session ended, the list decides.
        """
        end, gone = monotonic() + self.view.settings.saving, None
        while True:
            self.session.dialogs.check()
            seen = self.view.opened.changes.count
            signed_out, lines, form, busy, here = await asyncio.gather(
                self.session.login.signed_out(), self.view.lines(), self._form_shown(), self.view.busy(), self._here()
            )
            if signed_out:
                return
            news = [line for line in [*lines, *self.session.dialogs.notices[notices:]] if line not in known]
            said = [line for line in news if is_refusal(line, ask.host)]
            if said and not (listed is None and await self._only_row(said, ask.host)):
                raise self._refused(ask, " | ".join(dict.fromkeys(said)), listed)
            if form or busy:
                gone = None
            elif here:
                gone = gone or monotonic()
                if self.view.done or monotonic() - gone > STANDS:
                    return
            if any(SAVED.search(line) and (host_pattern(ask.host).search(line) or ISE.search(line)) for line in news):
                return
            if monotonic() > end:
                if not await self._form_shown():
                    return
                shown = await self.view.says(without=list(known))
                raise self._refused(ask, shown or "the form stayed, and the page says nothing", listed)
            await self.view.changed(seen)

    async def _only_row(self, said: list[str], host: str) -> bool:
        """Whether the trouble is only the new row's own status, which may lag."""
        return (
            all(host_pattern(host).search(line) for line in said)
            and await self._look(host) != []
            and not await self._form_shown()
        )

    async def _added(self, ask: IseRequest, listed: str | None) -> Relation:
        """A row that was not there before, in the list that followed; else what a list says that is loaded anew."""
        end = monotonic() + self.view.settings.saving
        seen = None if listed else together(await self._look(ask.host, tables_only=True))
        while seen is None or seen.status is None:
            seen = await self.status(ask.host)
            if seen is not None:
                break
            if monotonic() > end:
                raise TemporaryError(
                    f"Save was pressed for ISE server {ask.host}, but the table does not list it",
                    where=self.view.access.node,
                )
            await asyncio.sleep(self.view.settings.poll)
        return Relation(status=seen.status, healthy=seen.healthy, detail=seen.detail or listed)

    def _refused(self, ask: IseRequest, said: str, listed: str | None) -> PermanentError:
        known = f"; {listed}" if listed else ""
        exists = re.search(r"already|exist|duplicate", said, re.I)
        return PermanentError(
            self.view.redactor.redact(f"adding ISE server {ask.host} was refused: {said[:400]}{known}"),
            where=self.view.access.node,
            hint="its entry must be edited or deleted on the pages first"
            if exists
            else "check the server's address, user and password, and the pins of the primary",
        )


def _nearest(buttons: list[Seen], to: Seen | None) -> Seen:
    """The button whose centre is closest to another element of its frame; else the best match."""

    def far(one: Seen) -> float:
        if to is None or one.frame != to.frame:
            return 1e9
        return sum(abs((one.place[i] - to.place[i]) + (one.place[i + 2] - to.place[i + 2]) / 2) for i in (0, 1))

    return min(buttons, key=far)
