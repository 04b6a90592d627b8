"""What a policy may say of a window: calendars and freezes, each a file or a rule written in place."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from retrust.gates import GateSettings
from retrust.inventory import Duration, InventoryPath, wrong


def _timezone(value: Any) -> str:
    try:
        ZoneInfo(value)
    except (TypeError, ValueError, OSError, KeyError):
        raise wrong("must be a known time zone, such as Europe/Zurich or UTC") from None
    assert isinstance(value, str)
    return value


def _moment(value: Any) -> datetime:
    """A local time without an offset, as text or as YAML reads it; a date is its midnight."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise wrong("must be a date, or a date and time, such as 2026-01-04 02:00") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise wrong("must be a date, or a date and time, such as 2026-01-04 02:00")
    if value.tzinfo is not None:
        raise wrong("must be a local time without an offset; timezone says where")
    return value


def _rrule(value: Any) -> str:
    from icalendar import vRecur  # heavy, and every command reads the policies

    text = value.removeprefix("RRULE:") if isinstance(value, str) else ""
    try:
        rule = vRecur.from_ical(text)
    except ValueError:
        rule = None
    if not rule or "FREQ" not in rule:
        raise wrong("must be an iCalendar recurrence rule, such as FREQ=WEEKLY;BYDAY=SU")
    if rule["FREQ"][0] in TOO_OFTEN:
        raise wrong("must not recur more often than every day")
    return text


TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")

TimeZone = Annotated[str, BeforeValidator(_timezone)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class Rule(GateSettings):
    """``{start: 2026-01-04 02:00, duration: 4h, rrule: FREQ=WEEKLY}``; ``end`` may stand for ``duration``."""

    start: Moment
    duration: Duration | None = None
    end: Moment | None = None
    rrule: Annotated[str, BeforeValidator(_rrule)] | None = None
    timezone: TimeZone | None = None

    @model_validator(mode="after")
    def _has_one_end(self) -> Self:
        if (self.duration is None) == (self.end is None):
            raise wrong("needs duration or end, exactly one")
        if self.end is not None and self.end <= self.start:
            raise wrong("must end after it starts")
        return self


def _kind(value: Any) -> str:
    return "rule" if isinstance(value, (dict, Rule)) else "file"


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


Source = Annotated[Annotated[Rule, Tag("rule")] | Annotated[InventoryPath, Tag("file")], Discriminator(_kind)]
Sources = Annotated[tuple[Source, ...], BeforeValidator(_listed)]


class WindowSettings(GateSettings):
    """``{gate: window, calendar: windows.ics, freeze: freezes.ics, timezone: Europe/Zurich}``."""

    calendar: Annotated[Sources, Field(min_length=1)] = Field(
        description="When the steps may run: iCalendar files, or rules written in place."
    )
    freeze: Sources = Field(default=(), description="When nothing may run, whatever the calendar says.")
    timezone: TimeZone | None = Field(
        default=None, description="Where local times are, for rules and events that do not say so."
    )
    margin: Duration | None = Field(
        default=None, description="How much of the window must be left for the steps to start."
    )

    @model_validator(mode="after")
    def _knows_where(self) -> Self:
        rules = (s for s in (*self.calendar, *self.freeze) if isinstance(s, Rule))
        if self.timezone is None and any(rule.timezone is None for rule in rules):
            raise wrong("needs timezone, here or in each rule: a local time alone says not when")
        return self
