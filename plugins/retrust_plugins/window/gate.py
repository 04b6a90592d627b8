"""Whether now is inside a change window and outside every freeze; when not, when that is next.

A decision may be made at any time: "approve today, run on Sunday at two" is a yes at one gate and this gate
shut until then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from retrust.gates import Gate, Question
from retrust.models import GateState
from retrust_plugins.window.settings import WindowSettings

if TYPE_CHECKING:
    from retrust.inventory import Inventory
    from retrust_plugins.window.calendars import Span

HORIZONS = tuple(timedelta(days=days) for days in (8, 62, 400))
"""How far ahead the next window is looked for: a week first, since most are weekly."""


class Window(Gate[WindowSettings]):
    name = "window"
    settings_model = WindowSettings

    async def state(self, question: Question[WindowSettings]) -> GateState:
        settings = question.settings
        return await asyncio.to_thread(stands, settings, question.requirement.label, question.now)

    def check(self, settings: WindowSettings, inventory: Inventory) -> Iterator[str]:
        """A calendar that is not there, or broken, would keep the gate shut."""
        from datetime import UTC

        state = stands(settings, self.name, datetime.now(UTC))
        if state.state == "shut" and state.until is None:
            yield f"the gate window cannot open: it needs {state.needs}"


def stands(settings: WindowSettings, label: str, now: datetime) -> GateState:
    """How the gate stands at that time; a calendar that cannot be relied on keeps it shut."""
    from retrust_plugins.window.calendars import CalendarError

    passed_over: set[str] = set()
    try:
        span = _next(settings, now, passed_over)
    except CalendarError as exc:
        return GateState(gate=label, state="shut", needs=f"a calendar that can be relied on: {exc}")
    if span is None:
        why = f"; it has {' and '.join(sorted(passed_over))} events, which open nothing" if passed_over else ""
        return GateState(gate=label, state="shut",
                         needs=f"a change window: the calendar has none in {HORIZONS[-1].days} days{why}")
    if span.start <= now:
        return GateState(gate=label, state="open", until=_closes(span, settings))
    return GateState(gate=label, state="shut", until=span.start, needs=_text(span, settings))


def _next(settings: WindowSettings, now: datetime, passed_over: set[str]) -> Span | None:
    """The span that is open now, or the next one, with enough of it left to start in."""
    from retrust_plugins.window.calendars import open_spans

    margin = settings.margin or timedelta()
    for horizon in HORIZONS:
        for span in open_spans(settings.calendar, settings.freeze, settings.timezone, now, now + horizon,
                               passed_over):
            if max(span.start, now) < span.end - margin:
                return span
    return None


def _closes(span: Span, settings: WindowSettings) -> datetime:
    return span.end - (settings.margin or timedelta())


def _text(span: Span, settings: WindowSettings) -> str:
    from zoneinfo import ZoneInfo

    start = span.start.astimezone(ZoneInfo(settings.timezone)) if settings.timezone else span.start
    return f"the change window that opens on {start:%A %Y-%m-%d at %H:%M %Z}"
