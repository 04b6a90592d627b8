"""Following a registration: milestones as progress, failures quoted, until the mode is healthy.

The pages may show milestones or not, update themselves or not: it has ended when they show a healthy Configuration
Mode, either in place of the one before the press, or when they are loaded anew. The caller reads it once more.
"""

from __future__ import annotations

import asyncio
import re
from time import monotonic
from typing import Any, Protocol

from playwright.async_api import Error as PlaywrightError

from retrust.errors import PermanentError, TemporaryError
from retrust.models import Progress, Relation
from retrust_plugins.cisco_prime.browser import words
from retrust_plugins.cisco_prime.browser.menu import LedNowhere
from retrust_plugins.cisco_prime.browser.session import Session
from retrust_plugins.cisco_prime.modes import classify_mode, mode_relation

NAMES = tuple(words.MILESTONES)
CONCERNS = re.compile(r"regist|replicat|\bha\b|high availability|secondary|milestone|tofu|trust", re.IGNORECASE)
ENDED_LOOKS, LATER = 3, 4
SHORTEST_PAUSE = 0.1
Shown = dict[str, dict[str, Any]]


class ModePages(Protocol):
    """Where HA's mode is read while it is registered."""

    async def mode(self) -> Relation: ...

    async def shown_mode(self) -> str | None: ...

    async def open_configuration(self) -> object: ...


class Following:
    def __init__(self, session: Session, pages: ModePages) -> None:
        self.session = session
        self.view = session.view
        self.pages = pages
        self.percents: dict[str, int] = {}
        self._known_lines: set[str] = set()
        self._known_dialogs: list[str] = []
        self._mode: str | None = None
        self._notices = 0
        self._ended = 0
        self._signed_out = False
        self._state: object = None
        self._moved = self._loaded = self._started = monotonic()

    async def remember(self) -> None:
        """Keep what stands on the page before Register is pressed, an old failure in its history included."""
        lines, dialogs, self._mode = await asyncio.gather(
            self.view.lines(), self.session.dialogs.seen(), self.pages.shown_mode()
        )
        self._known_lines |= set(lines)
        self._known_dialogs = [d["text"] for d in dialogs]
        self._notices = len(self.session.dialogs.notices)
        self._moved = self._loaded = self._started = monotonic()

    async def to_the_end(self) -> Relation:
        """The healthy mode that the registration ended in."""
        while True:
            signed_out, shown, mode, _ = await asyncio.gather(
                self.session.login.signed_out(),
                self.shown(),
                self.pages.shown_mode(),
                self.session.dialogs.answer(self._known_dialogs),
            )
            if not signed_out:
                await self._report(shown)
                if mode is not None and self._over(mode) and self._mode not in (None, mode):
                    await self._finish()
                    return mode_relation(mode)
                if not self._over(mode):
                    await self._stop_on_failure(shown)
                self._watch((mode, dict(self.percents)))
            if signed_out or self._time_to_load(shown, mode):
                self._signed_out |= signed_out
                healthy = await self._load()
                if healthy:
                    await self._finish()
                    return healthy
            await self._stop_when_stuck(mode)
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        """Seconds until the next look: few at the beginning, more in a registration of hours."""
        return min(self.view.settings.poll, max(SHORTEST_PAUSE, (monotonic() - self._started) / 10))

    @staticmethod
    def _over(mode: str | None) -> bool:
        return mode is not None and classify_mode(mode) == "healthy"

    async def shown(self) -> Shown:
        """The milestones that the pages show now."""
        best: Shown = {}
        for _, answer in await self.view.ask("milestones", {"names": list(words.MILESTONES.values())}):
            found = {name: one for name, one in zip(NAMES, answer, strict=True) if one}
            if len(found) > len(best):
                best = found
        return best

    async def _report(self, shown: Shown) -> None:
        for name in NAMES:
            percent = shown.get(name, {}).get("percent")
            if percent is not None and self.percents.get(name) != percent:
                self.percents[name] = percent
                await self.session.tell(Progress(name, percent))

    async def _finish(self) -> None:
        """A milestone that was seen and never at its end is at its end now."""
        for name in NAMES:
            if self.percents.get(name, 100) != 100:
                await self.session.tell(Progress(name, 100))

    def _watch(self, state: object) -> None:
        if state != self._state:
            self._state, self._moved = state, monotonic()

    # -------------------------------------------------------------- loading anew

    def _time_to_load(self, shown: Shown, mode: str | None) -> bool:
        """When all milestones are full, when a mode says it is over, and when nothing moves."""
        waited = monotonic() - self._loaded
        full = bool(shown) and all(one["percent"] == 100 for one in shown.values()) and len(shown) == len(NAMES)
        if full or self._over(mode):
            return waited > self._pause()
        return waited > self.view.settings.reload and monotonic() - self._moved > self.view.settings.reload

    async def _load(self) -> Relation | None:
        """The mode of a page loaded anew, if it is healthy; an appliance that restarts is waited for."""
        self._loaded = monotonic()
        try:
            mode = await self.pages.mode()
            if mode.healthy:
                return mode
            if not await self.shown():
                await self.pages.open_configuration()
            await self._stop_when_over(mode.status or "")
        except (TemporaryError, LedNowhere, PlaywrightError):
            self.view.check_connection()
            self.session.dialogs.check()
        finally:
            self._loaded = monotonic()
        return None

    async def _stop_when_over(self, mode: str) -> None:
        """A mode that neither waits nor recovers, with no milestone beside it, look after look: it is over.

        Where every milestone was full, the mode may come late.
        """
        ended = classify_mode(mode) in ("registerable", "other") and not await self.shown()
        self._ended = self._ended + 1 if ended else 0
        full = [self.percents.get(name) for name in NAMES] == [100] * len(NAMES)
        if self._ended >= ENDED_LOOKS * (LATER if full else 1):
            told = "the session of the pages ended when Register was pressed, and " if self._signed_out else ""
            raise PermanentError(
                f"{told}HA registration did not start, or ended without a word: Configuration Mode is {mode!r}",
                where=self.view.access.node,
                hint="look at the High Availability page and the health monitor logs of both nodes",
            )

    # -------------------------------------------------------------- failures

    async def _stop_on_failure(self, shown: Shown) -> None:
        for name in NAMES:
            text = words.NO_FAILURE.sub("", shown.get(name, {}).get("text") or "")
            if words.SAYS_FAILED.search(text):
                raise await self._failed(name)
        said = [
            line
            for line in await self._news()
            if words.TROUBLE.search(words.NO_FAILURE.sub("", line)) and CONCERNS.search(line)
        ]
        if said:
            await self._report(await self.shown())  # the page may have moved on since it was looked at
            raise await self._failed(self._named(said) or self._reached(), said)

    async def _news(self) -> list[str]:
        lines = [line for line in await self.view.lines() if line not in self._known_lines]
        return [*lines, *self.session.dialogs.notices[self._notices :]]

    @staticmethod
    def _named(said: list[str]) -> str | None:
        return next(
            (
                name
                for name, word in words.MILESTONES.items()
                if any(re.search(word, line, re.IGNORECASE) for line in said)
            ),
            None,
        )

    def _reached(self) -> str:
        """The first milestone that is not at its end."""
        return next((name for name in NAMES if self.percents.get(name, 0) < 100), NAMES[-1])

    async def _failed(self, name: str, said: list[str] | None = None) -> PermanentError:
        news = await self._news()
        quoted = said or [line for line in news if words.TROUBLE.search(line)] or news
        at = f" at {self.percents[name]} %" if name in self.percents else ""
        text = self.view.redactor.redact(" | ".join(dict.fromkeys(quoted))[:500])
        return PermanentError(
            f"HA registration failed in {name}{at}: {text}",
            where=self.view.access.node,
            hint="look at the health monitor logs of both nodes for the cause",
        )

    async def _stop_when_stuck(self, mode: str | None) -> None:
        limits, now = self.view.settings, monotonic()
        long_idle, too_long = now - self._moved > limits.stalled, now - self._started > limits.registration
        if not (long_idle or too_long):
            return
        seen = ", ".join(f"{name} {percent} %" for name, percent in self.percents.items()) or "no milestone"
        limit = f"no progress for {limits.stalled:.0f} s" if long_idle else f"not done in {limits.registration:.0f} s"
        status = mode_relation(mode).status if mode else "not shown"
        raise TemporaryError(
            f"HA registration is stuck, {limit}: {seen}; Configuration Mode: {status}",
            where=self.view.access.node,
            hint="it may still go on at the appliance; look again later",
        )
