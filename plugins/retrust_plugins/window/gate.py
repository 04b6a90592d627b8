"""Whether now is inside a change window and outside every freeze; when not, when that is next.

A decision may be made at any time: "approve today, run on Sunday at two" is a yes at one gate and this gate
shut until then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from retrust.gates import Gate, Question
from retrust.inventory import format_duration
from retrust.models import GateState
from retrust_plugins import window
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
        return await asyncio.to_thread(stands, settings, question.requirement.label, question.now, question.takes)

    async def at_any_plan(self, settings: WindowSettings, now: datetime) -> GateState:
        return await asyncio.to_thread(stands, settings, self.name, now)

    def check(self, settings: WindowSettings, inventory: Inventory) -> Iterator[str]:
        """A calendar that is not there, or broken, would keep the gate shut."""
        state = stands(settings, self.name, datetime.now(UTC))
        if state.state == "shut" and state.until is None:
            yield f"the gate window cannot open: it needs {state.needs}"


def stands(settings: WindowSettings, label: str, now: datetime, takes: timedelta = timedelta()) -> GateState:
    """How the gate stands at that time for a plan that takes so long; a doubtful calendar keeps it shut."""
    passed_over: set[str] = set()
    try:
        span, short = _next(settings, now, takes, passed_over)
    except window.CalendarError as exc:
        return GateState(gate=label, state="shut", needs=f"a calendar that can be relied on: {exc}")
    if span is None:
        why = f"; it has {' and '.join(sorted(passed_over))} events, which open nothing" if passed_over else ""
        why += _frozen(settings, now)
        much = f" with {_long(settings, takes)} left" if short else ""
        return GateState(
            gate=label,
            state="shut",
            needs=f"a change window{much}: the calendar has none in {HORIZONS[-1].days} days{why}",
        )
    if span.start <= now:
        return GateState(gate=label, state="open", until=span.end - _left(settings, takes))
    needs = f"the change window that opens on {_moment(span.start, settings)}"
    if short:
        needs += f", with {_long(settings, takes)}"
        if short.start <= now:
            needs += f": the one that is open closes too soon, on {_moment(short.end, settings)}"
    return GateState(gate=label, state="shut", until=span.start, needs=needs + _frozen(settings, now))


def _next(
    settings: WindowSettings, now: datetime, takes: timedelta, passed_over: set[str]
) -> tuple[Span | None, Span | None]:
    """The span that is open now, or the next one, with enough of it left; and the first one that has less."""
    left = _left(settings, takes)
    for horizon in HORIZONS:
        short = None
        for span in window.open_spans(
            settings.calendar, settings.freeze, settings.timezone, now, now + horizon, passed_over
        ):
            if max(span.start, now) < span.end - left:
                return span, short
            short = short or span
    return None, short


def _frozen(settings: WindowSettings, now: datetime) -> str:
    """The end of the freeze that lasts now, to be said beside the next window."""
    spans = window.open_spans(settings.freeze, (), settings.timezone, now, now + HORIZONS[1])
    if not spans or spans[0].start > now:
        return ""
    return f"; a freeze lasts until {_moment(spans[0].end, settings)}"


def _left(settings: WindowSettings, takes: timedelta) -> timedelta:
    """How much of a window must be left to start in it: the policy's margin, or more where the plan takes longer."""
    return max(settings.margin or timedelta(), takes)


def _long(settings: WindowSettings, takes: timedelta) -> str:
    if takes < (settings.margin or timedelta()):
        return f"the margin of {format_duration(_left(settings, takes))}"
    return f"{format_duration(takes)} for the whole plan"


def _moment(time: datetime, settings: WindowSettings) -> str:
    local = time.astimezone(ZoneInfo(settings.timezone)) if settings.timezone else time
    return f"{local:%A %Y-%m-%d at %H:%M %Z}"
