"""Looking at all pages and frames of one browser by the words a person sees.

``look.js`` and what it is made of do the looking inside a frame; here frames are searched together, and what is found
becomes a locator, so a page that renders itself anew between looking and acting does no harm. Acting on widgets
is ``widgets``, dialogs are ``dialogs``; which words mean what stands in ``words``.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from time import monotonic
from typing import Any, TypeVar

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Locator, Page

from retrust.browser import PinnedBrowser
from retrust.errors import TemporaryError
from retrust.secrets import Redactor
from retrust_plugins.cisco_prime.browser.asks import BrowserSettings, WebAccess

T = TypeVar("T")
LOOK_EVERY = 0.3
"""Seconds after which a look is repeated although no page told of a change."""
DONE_AFTER = 0.1
"""Seconds without a request under way and without a change, after which a page is done."""
SCRIPTS = ("words.js", "reading.js", "look.js")
LOOK = "(asked) => { const look = globalThis[Symbol.for('retrust')]; return look ? look(asked) : null; }"
GONE = re.compile(
    r"context was destroyed|detached|navigat|closed|crashed|cannot find context|"
    r"no longer|not found|Unable to adopt",
    re.IGNORECASE,
)


@cache
def _library() -> str:
    return "\n".join(files(__package__).joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)


@cache
def resident_script() -> str:
    """What makes a document ready for looks, before its own scripts run."""
    return (
        f"(() => {{ {_library()}\nObject.defineProperty(globalThis, Symbol.for('retrust'), {{ value: look }}); }})();"
    )


@cache
def _first_look() -> str:
    """A look at a document that is not ready for looks yet."""
    return f"(asked) => {{ {resident_script()}\nreturn ({LOOK})(asked); }}"


def selector_engines() -> dict[str, str]:
    """The two engines behind ``View.field`` and ``View.press``; they run apart from the page's own scripts."""

    def engine(finder: str) -> str:
        return (
            f"(() => {{ {_library()}\n"
            f"const found = (root, text) => {finder}(root, JSON.parse(text)).map((h) => h.el);\n"
            "return { query: (r, t) => found(r, t)[0] || null, queryAll: found }; })()"
        )

    return {"seen-field": engine("fields"), "seen-press": engine("presses")}


@dataclass(frozen=True)
class Seen:
    """Something found: its place on the page of its frame, what a field holds and offers, whether a link leads away."""

    locator: Locator
    frame: Frame
    place: tuple[int, int, int, int]
    held: str = ""
    kind: str = ""
    tag: str = ""
    options: tuple[str, ...] = ()
    leads: bool = False


class View:
    """All that one logged-in (or not yet logged-in) browser shows."""

    def __init__(
        self, opened: PinnedBrowser, page: Page, access: WebAccess, settings: BrowserSettings, redactor: Redactor
    ) -> None:
        self.opened = opened
        self.page = page
        self.access = access
        self.settings = settings
        self.redactor = redactor
        self.secret_fields: list[Locator] = []
        self.only: Page | None = None
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self._asked: list[tuple[str, Any]] = []
        self._look: asyncio.Future[list[tuple[Frame, list[Any]]]] | None = None

    def frames(self) -> list[Frame]:
        """Every frame, the newest window first; those of one page alone while ``only`` names it."""
        pages = [self.only] if self.only else reversed(self.opened.context.pages)
        return [frame for page in pages for frame in page.frames if not frame.is_detached()]

    async def ask(self, function: str, arg: Any = None) -> list[tuple[Frame, Any]]:
        """What a function of ``look.js`` answers in each frame; a frame that goes away meanwhile is silent.

        What is asked at once, by ``asyncio.gather``, is one look: one question to each frame.
        """
        look = self._look = self._look or asyncio.ensure_future(self._all_asked())
        self._asked.append((function, arg))
        at = len(self._asked) - 1
        return [(frame, answers[at]) for frame, answers in await asyncio.shield(look)]

    async def _all_asked(self) -> list[tuple[Frame, list[Any]]]:
        for _ in range(3):
            await asyncio.sleep(0)  # so that all that is asked at once comes in
        asked, self._asked, self._look = self._asked, [], None
        answers = await asyncio.gather(*(self._answers(frame, asked) for frame in self.frames()))
        return [answer for each in answers for answer in each]

    async def _answers(self, frame: Frame, asked: list[tuple[str, Any]]) -> list[tuple[Frame, list[Any]]]:
        """The frame with its answers, or nothing."""
        try:
            async with asyncio.timeout(10):
                answers = await frame.evaluate(LOOK, asked)
                return [(frame, answers or await frame.evaluate(_first_look(), asked))]
        except TimeoutError:
            self.check_connection()
        except PlaywrightError as exc:
            self.check_connection()
            if not GONE.search(exc.message):
                raise
        return []

    async def gather(self, function: str, arg: Any = None) -> list[Any]:
        """The answers of all frames that answer with lists, joined."""
        return [item for _, answer in await self.ask(function, arg) for item in answer or []]

    # -------------------------------------------------------------- finding

    async def field(self, spec: dict[str, Any]) -> Locator | None:
        """The control whose label fits best, over all frames; None where none does now."""
        found = await self.control(spec)
        return found.locator if found else None

    async def control(self, spec: dict[str, Any]) -> Seen | None:
        """The same, with what it holds now."""
        found = [(answer["score"], frame, answer) for frame, answer in await self.ask("bestField", spec) if answer]
        if not found:
            return None
        _, frame, best = min(found, key=lambda f: f[0])
        locator = frame.locator(f"seen-field={json.dumps(spec)}").first
        return Seen(
            locator, frame, tuple(best["place"]), best["held"], best["kind"], best["tag"], tuple(best["options"])
        )

    async def press(self, spec: dict[str, Any]) -> Locator | None:
        """The button, link or entry whose name fits best, over all frames; None where none does now."""
        return next((one.locator for one in await self.presses(spec)), None)

    async def presses(self, spec: dict[str, Any]) -> list[Seen]:
        """All that fit, over all frames, best first."""
        body = json.dumps(spec)
        found = [
            (
                one["score"],
                Seen(frame.locator(f"seen-press={body}").nth(i), frame, tuple(one["place"]), leads=one["leads"]),
            )
            for frame, answer in await self.ask("candidates", spec)
            for i, one in enumerate(answer)
        ]
        return [seen for _, seen in sorted(found, key=lambda f: f[0])]

    async def until(self, look: Callable[[], Awaitable[T | None]], within: float) -> T | None:
        """What ``look`` finds within the time; it always looks once. ``meanwhile`` may end the wait by raising."""
        end = monotonic() + within
        while True:
            seen = self.opened.changes.count
            found = await look()
            if found or monotonic() >= end:
                return found
            if self.meanwhile is not None:
                await self.meanwhile()
            await self.changed(seen, end - monotonic())

    async def changed(self, since: int, within: float = LOOK_EVERY) -> None:
        """Until it is worth looking again: a page changed since then, or did so in a way that none is told of."""
        soon = LOOK_EVERY if self.done else DONE_AFTER
        await self.opened.changes.after(since, max(0.0, min(soon, within)))

    @property
    def done(self) -> bool:
        """Whether every page says of itself that it is complete; where one never does, time has to tell."""
        return self.opened.changes.still(DONE_AFTER)

    # -------------------------------------------------------------- reading

    async def lines(self) -> list[str]:
        """Every visible line, secrets masked."""
        return [self.redactor.redact(line) for line in await self.gather("lines")]

    async def says(self, *, without: list[str] | None = None, most: int = 400) -> str:
        """The visible text in one line, to be quoted; ``without`` takes away what stood there before."""
        known = set(without or ())
        text = " | ".join(line for line in await self.lines() if line not in known)
        return text if len(text) <= most else text[:most] + "…"

    async def offered(self) -> str:
        """The names of all that can be pressed, for a person who must see why an entry was not found."""
        names = list(dict.fromkeys(await self.gather("pressables")))
        return self.redactor.redact(", ".join(names[:40])) or "nothing"

    async def values(self, label: str) -> list[str]:
        """What stands in a label's own place, for each place where the label is shown; ``""`` while nothing does."""
        return [self.redactor.redact(value) for value in await self.gather("valuesOf", {"word": label})]

    async def busy(self) -> bool:
        return any(answer for _, answer in await self.ask("busy"))

    # -------------------------------------------------------------- the connection

    def check_connection(self) -> None:
        """Raise where a connection met another certificate than the pinned one."""
        if self.opened.relay.changed:
            raise self.opened.relay.changed

    async def go(self, url: str) -> int:
        """Open a page; its HTTP status."""
        try:
            response = await self.page.goto(url, wait_until="domcontentloaded", timeout=self.settings.page * 1000)
        except PlaywrightError as exc:
            self.check_connection()
            raise self.unreachable(exc) from None
        return response.status if response else 200

    def unreachable(self, exc: PlaywrightError) -> TemporaryError:
        """A page that did not come; only the first line of the browser's words, the rest lists calls."""
        reason = self.opened.relay.unreachable or exc.message.splitlines()[0]
        return TemporaryError(
            self.redactor.redact(f"the web pages at {self.access.url} do not answer: {reason}"),
            where=self.access.node,
            hint="is the server up, and the web port open?",
        )
