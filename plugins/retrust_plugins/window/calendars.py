"""From calendars to spans of time. Pure but for reading the files; whatever is not understood raises.

A calendar library that skips what it cannot read is right for showing appointments and wrong here: a freeze
that is skipped is a change at the worst time. So a broken property, an unknown time zone, an event without an
end or one that ends before it starts makes the whole calendar broken.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Event, vRecur
from icalendar.timezone import tzp

from retrust_plugins.window.settings import TOO_OFTEN, Rule

LARGEST_FILE = 4 * 1024 * 1024
_EXACT = "X-RETRUST-DURATION"


class CalendarError(ValueError):
    """A calendar that cannot be relied on; the gate is shut until it is fixed."""


class Span(NamedTuple):
    """From ``start`` to before ``end``, both in UTC."""

    start: datetime
    end: datetime


def open_spans(
    calendar: Sequence[Rule | Path],
    freeze: Sequence[Rule | Path],
    timezone: str | None,
    since: datetime,
    until: datetime,
    passed_over: set[str] | None = None,
) -> list[Span]:
    """When the windows are open and nothing is frozen, within the time looked at.

    An event that is cancelled, tentative or free (transparent) opens nothing, and is named in ``passed_over``; a
    freeze holds unless it is cancelled.
    """
    windows = _merged(_all_spans(calendar, timezone, since, until, set() if passed_over is None else passed_over))
    return list(_without(windows, _merged(_all_spans(freeze, timezone, since, until, None))))


def _all_spans(
    sources: Iterable[Rule | Path], timezone: str | None, since: datetime, until: datetime, passed_over: set[str] | None
) -> Iterator[Span]:
    for source in sources:
        name = str(source) if isinstance(source, Path) else f"the rule from {source.start:%Y-%m-%d %H:%M}"
        try:
            calendars = [_of_rule(source, timezone)] if isinstance(source, Rule) else _of_file(source)
            for calendar in calendars:
                yield from _spans(calendar, ZoneInfo(timezone) if timezone else None, since, until, passed_over)
        except CalendarError as exc:
            raise CalendarError(f"{name}: {exc}") from None
        except Exception as exc:
            raise CalendarError(f"{name}: not understood: {exc}") from exc


# -- reading -----------------------------------------------------------------------------------------


_PARSING = threading.Lock()


def _of_file(path: Path) -> list[Any]:
    """The file's calendars. What one defines, a time zone above all, is forgotten before the next is read."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as exc:
        raise CalendarError(f"cannot be read: {exc.strerror}") from None
    if len(content) > LARGEST_FILE:
        raise CalendarError(f"is larger than {LARGEST_FILE} bytes")
    with _PARSING:
        tzp.use_default()  # the library keeps the zones that it has met for the whole process
        found = Calendar.from_ical(content.decode("utf-8-sig"), multiple=True)
    if not found or not all(isinstance(calendar, Calendar) for calendar in found):
        raise CalendarError("is no calendar")
    for component in (component for calendar in found for component in calendar.walk()):
        for name, error in component.errors:
            raise CalendarError(f"{name or component.name} is broken: {error}")
    return list(found)


def _of_rule(rule: Rule, timezone: str | None) -> Any:
    zone = ZoneInfo(rule.timezone or timezone or "")
    event = Event()
    event.add("uid", "rule")
    event.add("dtstart", rule.start.replace(tzinfo=zone))
    if rule.end is not None:
        event.add("dtend", rule.end.replace(tzinfo=zone))
    if rule.duration is not None:
        event.add("duration", rule.duration)
    if rule.rrule is not None:
        event.add("rrule", vRecur.from_ical(rule.rrule))
    calendar = Calendar()
    calendar.add_component(event)
    return calendar


# -- expanding ---------------------------------------------------------------------------------------


def _spans(
    calendar: Any, local: tzinfo | None, since: datetime, until: datetime, passed_over: set[str] | None
) -> Iterator[Span]:
    for event in calendar.walk("VEVENT"):
        _check(event)
        _keep_exact(event)
    # A day earlier: an exact duration may reach further than the library's, which counts wall time.
    for event in recurring_ical_events.of(calendar).between(since - timedelta(days=1), until):
        span = _span(event, local)
        if span.end <= since or span.start >= until:
            continue
        status = str(event.get("STATUS", "")).lower()
        free = str(event.get("TRANSP", "")).lower() == "transparent"
        if status == "cancelled" or (passed_over is not None and (status == "tentative" or free)):
            if passed_over is not None:
                passed_over.add(status if status in ("cancelled", "tentative") else "free (transparent)")
            continue
        yield Span(span.start, min(span.end, until))  # what follows was not looked at


def _check(event: Any) -> None:
    """What the library would guess at, or expand for ever, is refused."""
    about = f"the event {event.get('SUMMARY') or event.get('UID') or 'without a name'}"
    if event.get("DTSTART") is None:
        raise CalendarError(f"{about} has no start")
    start = event["DTSTART"]
    for name in ("DTSTART", "DTEND"):
        value = event.get(name)
        if value is not None and "TZID" in value.params and value.dt.tzinfo is None:
            raise CalendarError(f"{about} is in the unknown time zone {value.params['TZID']}")
    end = event.get("DTEND")
    if end is None and event.get("DURATION") is None and isinstance(start.dt, datetime):
        raise CalendarError(f"{about} has no end")
    if end is not None and not _ordered(start.dt, end.dt):
        raise CalendarError(f"{about} does not end after it starts")
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        if rule.get("FREQ", [""])[0] in TOO_OFTEN:
            raise CalendarError(f"{about} recurs more often than every day")


def _ordered(start: date | datetime, end: date | datetime) -> bool:
    if isinstance(start, datetime) is not isinstance(end, datetime):
        return False
    try:
        return start < end
    except TypeError:  # one has a time zone, the other has none
        return False


def _keep_exact(event: Any) -> None:
    """Days of a duration are days of the calendar, hours are hours of the clock (RFC 5545, 3.8.2.5)."""
    duration = event.get("DURATION")
    if duration is not None:
        event[_EXACT] = str(duration.dt.total_seconds())


def _span(event: Any, local: tzinfo | None) -> Span:
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    if _EXACT in event:
        exact = timedelta(seconds=float(event[_EXACT]))
        end = _utc(start + timedelta(days=exact.days), local) + timedelta(seconds=exact.seconds)
    found = Span(_utc(start, local), _utc(end, local))
    if found.start > found.end:
        raise CalendarError("an event ends before it starts")
    return found


def _utc(value: Any, local: tzinfo | None) -> datetime:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if moment.tzinfo is None:
        if local is None:
            raise CalendarError("says a local time and not where: set timezone")
        moment = moment.replace(tzinfo=local)
    return moment.astimezone(UTC)


# -- spans -------------------------------------------------------------------------------------------


def _merged(spans: Iterable[Span]) -> list[Span]:
    """In order, without overlaps; spans that touch are one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _without(windows: Iterable[Span], freezes: Sequence[Span]) -> Iterator[Span]:
    for window in windows:
        start = window.start
        for freeze in freezes:
            if freeze.end <= start or freeze.start >= window.end:
                continue
            if freeze.start > start:
                yield Span(start, freeze.start)
            start = freeze.end
        if start < window.end:
            yield Span(start, window.end)
