"""The gate ``window``: open inside a change window and outside every freeze, at the time handed in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.approval import Matter, evaluate
from retrust.engine.loader import load_plugins
from retrust.gates import Requirement
from retrust.models import GateState
from retrust.testing.plans import a_case, a_decision, a_plan, a_question, an_inventory
from retrust_plugins import window as plugin
from retrust_plugins.people.gate import People
from retrust_plugins.window.calendars import open_spans
from retrust_plugins.window.gate import Window, stands
from retrust_plugins.window.settings import WindowSettings

ZURICH = ZoneInfo("Europe/Zurich")
NEW_YORK = ZoneInfo("America/New_York")
SUNDAYS = {
    "calendar": {"start": "2026-01-04 02:00", "duration": "4h", "rrule": "FREQ=WEEKLY;BYDAY=SU"},
    "timezone": "Europe/Zurich",
}


def at(text: str, zone: ZoneInfo = ZURICH, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def stood(given: Mapping[str, Any], now: datetime) -> GateState:
    return stands(WindowSettings.model_validate(given), "window", now)


def ics(path: Path, *events: str, head: str = "") -> str:
    """A calendar file; each event is given as its lines between BEGIN and END."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *head.splitlines()]
    for number, event in enumerate(events):
        lines += [
            "BEGIN:VEVENT",
            f"UID:{number}",
            "DTSTAMP:20260101T000000Z",
            *event.splitlines(),
            "END:VEVENT",
        ]
    path.write_text("\r\n".join([*lines, "END:VCALENDAR", ""]))
    return str(path)


# -- windows -----------------------------------------------------------------------------------------

MOMENTS: list[Any] = [
    pytest.param("2026-03-07 23:59", "shut", id="the day before"),
    pytest.param("2026-03-08 01:59:59", "shut", id="a second before it opens"),
    pytest.param("2026-03-08 02:00", "open", id="when it opens"),
    pytest.param("2026-03-08 05:59:59", "open", id="the last second"),
    pytest.param("2026-03-08 06:00", "shut", id="when it closes"),
    pytest.param("2026-03-09 03:00", "shut", id="another day"),
    pytest.param("2026-07-05 03:00", "open", id="in summer, at the same local time"),
    pytest.param("2025-12-28 03:00", "shut", id="before the rule starts"),
    pytest.param("2031-06-15 03:00", "open", id="years later"),
]


@pytest.mark.parametrize(("moment", "state"), MOMENTS)
def test_weekly_window(moment: str, state: str) -> None:
    """Each row is a moment, in local time, and whether the weekly window is open then."""
    assert stood(SUNDAYS, at(moment)).state == state


def test_shut_says_when_it_opens() -> None:
    """A shut window tells the moment of its next opening, and in local time for people."""
    state = stood(SUNDAYS, at("2026-03-04 12:00"))
    assert state.until == at("2026-03-08 02:00")
    assert state.needs == "the change window that opens on Sunday 2026-03-08 at 02:00 CET"


def test_open_says_when_it_closes() -> None:
    """An open window tells until when."""
    assert stood(SUNDAYS, at("2026-03-08 03:00")).until == at("2026-03-08 06:00")


def test_a_margin_closes_early() -> None:
    """With a margin, nothing starts so late that the window would close on it; the next one is waited for."""
    late = {**SUNDAYS, "margin": "90m"}
    assert stood(late, at("2026-03-08 04:29")).state == "open"
    assert stood(late, at("2026-03-08 04:29")).until == at("2026-03-08 04:30")
    shut = stood(late, at("2026-03-08 04:30"))
    assert (shut.state, shut.until) == ("shut", at("2026-03-15 02:00"))


def test_a_window_shorter_than_the_margin_never_opens() -> None:
    """Where no window has enough time in it, the gate says that there is none."""
    state = stood({**SUNDAYS, "margin": "5h"}, at("2026-03-08 03:00"))
    assert (state.state, state.until) == ("shut", None)


def test_the_whole_plan_must_fit() -> None:
    """What is left of the window must be longer than the plan takes; if not, the next long enough one is named."""
    given_ = {
        "timezone": "Europe/Zurich",
        "calendar": [SUNDAYS["calendar"], {"start": "2026-03-10 02:00", "duration": "1h"}],
    }
    settings_ = WindowSettings.model_validate(given_)

    def asked(moment: str, **takes: int) -> GateState:
        return stands(settings_, "window", at(moment), timedelta(**takes))

    assert asked("2026-03-08 03:59", hours=2).until == at("2026-03-08 04:00")
    assert asked("2026-03-08 03:59", hours=2).state == "open"
    late = asked("2026-03-08 04:00", hours=2)
    assert (late.state, late.until) == ("shut", at("2026-03-15 02:00"))
    assert late.needs == (
        "the change window that opens on Sunday 2026-03-15 at 02:00 CET, with 2h for the whole plan: "
        "the one that is open closes too soon, on Sunday 2026-03-08 at 06:00 CET"
    )
    between = asked("2026-03-09 12:00", hours=2)
    assert between.needs == "the change window that opens on Sunday 2026-03-15 at 02:00 CET, with 2h for the whole plan"
    never = asked("2026-03-08 03:00", hours=5)
    assert (never.state, never.until) == ("shut", None)
    assert never.needs == "a change window with 5h for the whole plan left: the calendar has none in 400 days"


def test_windows_that_touch_are_one() -> None:
    """The end of one window is no end where the next one starts."""
    two = {
        "timezone": "UTC",
        "calendar": [
            {"start": "2026-03-08 02:00", "duration": "2h"},
            {"start": "2026-03-08 04:00", "duration": "1h"},
        ],
    }
    assert stood(two, at("2026-03-08 03:59", ZoneInfo("UTC"))).until == at("2026-03-08 05:00", ZoneInfo("UTC"))


def test_a_window_across_midnight_started_yesterday() -> None:
    """A window that began before is still open."""
    night = {
        "timezone": "Europe/Zurich",
        "calendar": {"start": "2026-01-03 22:00", "duration": "8h", "rrule": "FREQ=WEEKLY;BYDAY=SA"},
    }
    assert stood(night, at("2026-03-08 05:30")).state == "open"


def test_no_window_any_more() -> None:
    """A calendar whose windows are all past is shut, and says so."""
    past = {"timezone": "UTC", "calendar": {"start": "2020-01-05 02:00", "duration": "4h"}}
    state = stood(past, at("2026-03-08 03:00"))
    assert (state.state, state.until) == ("shut", None)
    assert "none in 400 days" in (state.needs or "")


def test_a_window_months_ahead_is_found() -> None:
    """The next opening is found when it is far away."""
    yearly = {
        "timezone": "Europe/Zurich",
        "calendar": {"start": "2025-02-01 02:00", "duration": "4h", "rrule": "FREQ=YEARLY"},
    }
    assert stood(yearly, at("2026-02-02 00:00")).until == at("2027-02-01 02:00")


# -- freezes -----------------------------------------------------------------------------------------


def test_a_freeze_outweighs_a_window() -> None:
    """Inside a freeze the gate is shut whatever the calendar says; the next opening is after it."""
    frozen = {**SUNDAYS, "freeze": {"start": "2026-12-13", "end": "2027-01-11"}}
    assert stood(frozen, at("2026-12-06 03:00")).state == "open"
    state = stood(frozen, at("2026-12-20 03:00"))
    assert (state.state, state.until) == ("shut", at("2027-01-17 02:00"))


def test_a_freeze_is_told() -> None:
    """While a freeze lasts the gate says until when, beside the next opening; before it, it says nothing of it."""
    frozen = {**SUNDAYS, "freeze": {"start": "2026-12-13", "end": "2027-01-11"}}
    assert str(stood(frozen, at("2026-12-20 03:00")).needs).endswith(
        "opens on Sunday 2027-01-17 at 02:00 CET; a freeze lasts until Monday 2027-01-11 at 00:00 CET"
    )
    assert "freeze" not in str(stood(frozen, at("2026-12-10 03:00")).needs)


def test_a_freeze_cuts_a_window() -> None:
    """A freeze that starts in a window ends it there, and one that ends in it lets the rest open."""

    def cut(start: str, duration: str) -> dict[str, Any]:
        return {**SUNDAYS, "freeze": {"start": start, "duration": duration}}

    assert stood(cut("2026-03-08 04:00", "10h"), at("2026-03-08 03:00")).until == at("2026-03-08 04:00")
    state = stood(cut("2026-03-08 00:00", "3h"), at("2026-03-08 02:30"))
    assert (state.state, state.until) == ("shut", at("2026-03-08 03:00"))
    between = cut("2026-03-08 03:00", "1h")
    assert [stood(between, at(f"2026-03-08 0{h}:30")).state for h in (2, 3, 4)] == ["open", "shut", "open"]


def test_a_freeze_of_whole_days_is_in_local_time(tmp_path: Path) -> None:
    """An all-day event covers the local day, midnight to midnight."""
    freeze = ics(tmp_path / "f.ics", "DTSTART;VALUE=DATE:20260308\nDTEND;VALUE=DATE:20260309")
    frozen = {**SUNDAYS, "freeze": freeze}
    assert stood(frozen, at("2026-03-08 03:00")).state == "shut"
    assert stood(frozen, at("2026-03-15 03:00")).state == "open"


# -- daylight saving ---------------------------------------------------------------------------------

DST: list[Any] = [
    # In Zurich, clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25.
    pytest.param("2026-01-04 02:30", "2026-03-29T01:29:59", "shut", id="gap: before the time that is skipped"),
    pytest.param("2026-01-04 02:30", "2026-03-29T01:30:00", "open", id="gap: as much later as clocks jump"),
    pytest.param("2026-01-04 01:00", "2026-03-29T03:59:59", "open", id="gap: four hours last four hours"),
    pytest.param("2026-01-04 01:00", "2026-03-29T04:00:00", "shut", id="gap: and no longer"),
    pytest.param("2026-01-04 02:30", "2026-10-25T00:30:00", "open", id="fold: opens at the first 02:30"),
    pytest.param("2026-01-04 02:30", "2026-10-25T04:29:59", "open", id="fold: four hours last four hours"),
    pytest.param("2026-01-04 02:30", "2026-10-25T04:30:00", "shut", id="fold: and no longer"),
]


@pytest.mark.parametrize(("start", "moment", "state"), DST)
def test_daylight_saving(start: str, moment: str, state: str) -> None:
    """Each row: a window's local start, a moment in UTC on a day on which clocks change."""
    rule = {**SUNDAYS["calendar"], "start": start}  # type: ignore[dict-item]
    assert stood({**SUNDAYS, "calendar": rule}, datetime.fromisoformat(moment).replace(tzinfo=UTC)).state == state


def test_exact_hours_in_a_file_too(tmp_path: Path) -> None:
    """A DURATION in hours is that many hours also when clocks change; a DTEND is a time on the clock."""
    start = "DTSTART;TZID=Europe/Zurich:20260301T010000\nRRULE:FREQ=WEEKLY;BYDAY=SU\n"
    exact = ics(tmp_path / "exact.ics", start + "DURATION:PT4H")
    clock = ics(tmp_path / "clock.ics", start + "DTEND;TZID=Europe/Zurich:20260301T050000")
    assert stood({"calendar": exact}, at("2026-03-29 05:30")).state == "open"
    assert stood({"calendar": clock}, at("2026-03-29 05:30")).state == "shut"


def test_a_day_in_a_duration_is_a_day_of_the_calendar(tmp_path: Path) -> None:
    """DURATION:P1D ends at the same local time on the next day, 23 hours later when clocks go forward."""
    day = ics(tmp_path / "day.ics", "DTSTART;TZID=Europe/Zurich:20260328T120000\nDURATION:P1D")
    assert stood({"calendar": day}, at("2026-03-29 11:59")).state == "open"
    assert stood({"calendar": day}, at("2026-03-29 12:00")).state == "shut"


# -- calendar files ----------------------------------------------------------------------------------


def test_exceptions_in_a_file(tmp_path: Path) -> None:
    """A file's exceptions, moved and cancelled occurrences are honoured."""
    weekly = "DTSTART:20260104T020000Z\nDURATION:PT4H\nRRULE:FREQ=WEEKLY\nEXDATE:20260308T020000Z"
    path = tmp_path / "w.ics"
    ics(path, weekly)
    moved = (
        "BEGIN:VEVENT\r\nUID:0\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID:20260315T020000Z\r\n"
        "DTSTART:20260316T020000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\n"
        "BEGIN:VEVENT\r\nUID:0\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID:20260322T020000Z\r\n"
        "DTSTART:20260322T020000Z\r\nDURATION:PT4H\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    path.write_text(path.read_text().replace("END:VCALENDAR", moved))
    utc = ZoneInfo("UTC")
    expected = {
        "2026-03-01 03:00": "open",
        "2026-03-08 03:00": "shut",
        "2026-03-15 03:00": "shut",
        "2026-03-16 02:30": "open",
        "2026-03-16 03:30": "shut",
        "2026-03-22 03:00": "shut",
        "2026-03-29 03:00": "open",
    }
    assert {moment: stood({"calendar": str(path)}, at(moment, utc)).state for moment in expected} == expected


def test_a_file_is_read_anew(tmp_path: Path) -> None:
    """A calendar that changes holds from the next look on."""
    path = tmp_path / "w.ics"
    now = at("2026-03-08 03:00", ZoneInfo("UTC"))
    ics(path, "DTSTART:20260308T020000Z\nDURATION:PT4H")
    assert stood({"calendar": str(path)}, now).state == "open"
    ics(path, "DTSTART:20260309T020000Z\nDURATION:PT4H")
    assert stood({"calendar": str(path)}, now).state == "shut"


def test_outlook_s_zone_names(tmp_path: Path) -> None:
    """Zones that are named as Windows names them are understood."""
    path = ics(tmp_path / "w.ics", "DTSTART;TZID=W. Europe Standard Time:20260308T020000\nDURATION:PT4H")
    assert stood({"calendar": path}, at("2026-03-08 03:00")).state == "open"


NOW_OPEN = "DTSTART:20260308T020000Z\nDURATION:PT4H"
BROKEN: list[Any] = [
    pytest.param(["DTSTART:20260308T020000Z\nDURATION:PTXH"], "DURATION", id="a duration that is none"),
    pytest.param([NOW_OPEN + "\nRRULE:FREQ=WEKLY"], "RRULE", id="a rule that is none"),
    pytest.param([NOW_OPEN + "\nEXDATE:soon"], "EXDATE", id="an exception that is none"),
    pytest.param(["DTSTART:20260308T0200\nDURATION:PT4H"], "DTSTART", id="a start that is none"),
    pytest.param(["DURATION:PT4H"], "no start", id="no start"),
    pytest.param(["DTSTART:20260308T020000Z"], "no end", id="no end"),
    pytest.param(["DTSTART:20260308T060000Z\nDTEND:20260308T020000Z"], "does not end after", id="ends before"),
    pytest.param(["DTSTART:20260308T020000Z\nDTEND:20260308T020000Z"], "does not end after", id="no length"),
    pytest.param(["DTSTART:20260308T020000Z\nDTEND;VALUE=DATE:20260309"], "does not end after", id="mixed kinds"),
    pytest.param(["DTSTART;TZID=Mars/Olympus:20260308T020000\nDURATION:PT4H"], "Mars/Olympus", id="unknown zone"),
    pytest.param(["DTSTART:20260308T020000\nDURATION:PT4H"], "says a local time", id="a time that says not where"),
    pytest.param([NOW_OPEN + "\nRRULE:FREQ=SECONDLY"], "every day", id="recurs for ever"),
    pytest.param([NOW_OPEN, "DTSTART:20260101T000000Z"], "no end", id="one broken event among good ones"),
]


@pytest.mark.parametrize("where", ["calendar", "freeze"])
@pytest.mark.parametrize(("events", "what"), BROKEN)
def test_a_broken_calendar_is_shut(tmp_path: Path, where: str, events: list[str], what: str) -> None:
    """Each row breaks a calendar; the gate is shut, and says which file and why; freezes too."""
    good = ics(tmp_path / "good.ics", NOW_OPEN)
    path = ics(tmp_path / "broken.ics", *events)
    state = stood({"calendar": good, where: path}, at("2026-03-08 03:00", ZoneInfo("UTC")))
    assert state.state == "shut"
    assert state.until is None
    assert what in (state.needs or "")
    assert "broken.ics" in (state.needs or "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"BEGIN:VCALENDAR\r\n",
        b"\xff\xfe\x00",
        b"BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        b"BEGIN:VCALENDAR\r\n" + b"X" * (5 << 20),
    ],
)
def test_a_file_that_is_no_calendar_is_shut(tmp_path: Path, content: bytes) -> None:
    """Whatever else is in the file, as a freeze too, keeps the gate shut."""
    path = tmp_path / "x.ics"
    path.write_bytes(content)
    for given_ in ({"calendar": str(path)}, {**SUNDAYS, "freeze": str(path)}):
        assert stood(given_, at("2026-03-08 03:00")).state == "shut"


def test_a_missing_file_is_shut(tmp_path: Path) -> None:
    """A freeze's file that is gone does not thaw it."""
    state = stood({**SUNDAYS, "freeze": str(tmp_path / "gone.ics")}, at("2026-03-08 03:00"))
    assert state.state == "shut"
    assert "gone.ics: cannot be read: No such file" in (state.needs or "")


def test_check_tells_of_a_window_that_cannot_open(tmp_path: Path) -> None:
    """A broken or exhausted calendar is told when the inventory is checked, a good one is not."""
    broken = WindowSettings.model_validate({"calendar": str(tmp_path / "gone.ics")})
    assert "cannot open" in " ".join(Window().check(broken, an_inventory()))
    assert not list(Window().check(WindowSettings.model_validate(SUNDAYS), an_inventory()))


# -- with people: approve today, run on Sunday -------------------------------------------------------


async def test_approve_today_run_on_sunday() -> None:
    """A yes on Friday opens its gate at once; the window's stays shut until Sunday, and then both are open."""
    required = (
        Requirement("people", "people", {"approvers": 1}, ()),
        Requirement("window", "window", SUNDAYS, ()),
    )
    inventory, friday = an_inventory(), at("2026-03-06 15:00")

    async def states(now: datetime) -> dict[str, GateState]:
        matter = Matter(
            inventory,
            inventory.sites["campus"],
            a_case(),
            a_plan("interrupting"),
            required,
            {"people": People(), "window": Window()},
            [a_decision("ann", at=friday)],
            (),
            friday,
        )
        found = await evaluate(matter, now=now)
        return {state.gate: state for state in found}

    then = await states(friday + timedelta(minutes=1))
    assert (then["people"].state, then["window"].state) == ("open", "shut")
    assert then["window"].until is not None
    at_opening = await states(then["window"].until)
    assert {s.state for s in at_opening.values()} == {"open"}


def test_registers() -> None:
    """The plugin's hook registers the gate ``window``, which asks for no person and approves nothing."""
    gate = load_plugins(extra={"window": plugin}, entry_points=False).gates["window"]
    assert isinstance(gate, Window)
    assert not gate.by_person
    assert not getattr(gate, "approves", False)


async def test_asked_through_its_question() -> None:
    """The gate reads the time from the question, never from a clock."""
    for moment, state in (("2026-03-08 03:00", "open"), ("2026-03-08 07:00", "shut")):
        assert (await Window().state(a_question(Window(), SUNDAYS, now=at(moment)))).state == state
    short = a_question(Window(), SUNDAYS, now=at("2026-03-08 03:00"), takes=timedelta(hours=3))
    assert (await Window().state(short)).state == "shut"


# -- properties --------------------------------------------------------------------------------------

RULES = st.builds(
    lambda day, hour, minutes, freq, zone: {
        "start": f"2026-0{day % 3 + 1}-{day:02d} {hour:02d}:30",
        "duration": f"{minutes}m",
        "timezone": zone,
        **({"rrule": f"FREQ={freq}"} if freq else {}),
    },
    st.integers(1, 28),
    st.integers(0, 23),
    st.integers(1, 3000),
    st.sampled_from([None, "DAILY", "WEEKLY"]),
    st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe"]),
)
SOURCES = st.lists(RULES, min_size=1, max_size=3)
MOMENT = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda d: d.replace(tzinfo=UTC))


@given(calendar=SOURCES, freeze=st.lists(RULES, max_size=2), now=MOMENT)
@settings(max_examples=many(100))
def test_freezes_only_take_away(calendar: list[Any], freeze: list[Any], now: datetime) -> None:
    """With freezes the gate is open at most where it is open without, and never inside a freeze."""
    frozen = stood({"calendar": calendar, "freeze": freeze}, now)
    if frozen.state == "open":
        assert stood({"calendar": calendar}, now).state == "open"
        assert not freeze or stood({"calendar": freeze}, now).state == "shut"


@given(calendar=SOURCES, freeze=st.lists(RULES, max_size=2), now=MOMENT)
@settings(max_examples=many(100))
def test_until_is_kept(calendar: list[Any], freeze: list[Any], now: datetime) -> None:
    """At the moment that a shut gate tells it is open, just before it is not; an open one shuts as told."""
    given_ = {"calendar": calendar, "freeze": freeze}
    state = stood(given_, now)
    if state.until is None:
        return
    tick = timedelta(microseconds=1)
    if state.state == "shut":
        assert stood(given_, state.until).state == "open"
        assert stood(given_, max(now, state.until - tick)).state == "shut"
    else:
        assert stood(given_, max(now, state.until - tick)).state == "open"
        assert state.until > now


@given(calendar=SOURCES, now=MOMENT)
@settings(max_examples=many(100))
def test_agrees_with_arithmetic(calendar: list[Any], now: datetime) -> None:
    """For rules without recurrence, open means between start and start plus duration, computed apart."""
    single = [{k: v for k, v in rule.items() if k != "rrule"} for rule in calendar]
    inside = False
    for rule in single:
        start = datetime.fromisoformat(rule["start"]).replace(tzinfo=ZoneInfo(rule["timezone"])).timestamp()
        inside |= start <= now.timestamp() < start + 60 * int(rule["duration"][:-1])
    assert (stood({"calendar": single}, now).state == "open") is inside


# -- calendars that differ from one another -------------------------------------------------------------


def calendar_text(*events: str, zone: str = "") -> str:
    return "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:x",
            *zone.splitlines(),
            *(
                f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20260101T000000Z\r\n{event}\r\nEND:VEVENT"
                for n, event in enumerate(events)
            ),
            "END:VCALENDAR",
            "",
        ]
    )


def own_zone(offset: str) -> str:
    return (
        "BEGIN:VTIMEZONE\nTZID:Customized Time Zone\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
        f"TZOFFSETFROM:{offset}\nTZOFFSETTO:{offset}\nEND:STANDARD\nEND:VTIMEZONE"
    )


AT = "DTSTART:20260607T000000Z\r\nDTEND:20260607T040000Z"


def spans(
    folder: Path, calendar: str | bytes, freeze: str | bytes | None = None, note: set[str] | None = None
) -> list[str]:
    files = []
    for name, text in (("calendar.ics", calendar), ("freeze.ics", freeze)):
        if text is not None:
            (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
            files.append([folder / name])
    found = open_spans(
        files[0], files[1] if freeze is not None else [], None, at("2026-06-01 00:00"), at("2026-06-30 00:00"), note
    )
    return [f"{span.start:%dT%H%M}-{span.end:%H%M}" for span in found]


def test_each_calendar_has_its_own_zones(tmp_path: Path) -> None:
    """Two files that call different zones by one name do not see each other's, in either order."""
    zoned = "DTSTART;TZID=Customized Time Zone:20260607T{}\r\nDTEND;TZID=Customized Time Zone:20260607T{}"
    calendar = calendar_text(zoned.format("010000", "050000"), zone=own_zone("+0100"))
    freeze = calendar_text(zoned.format("060000", "080000"), zone=own_zone("+0600"))
    for _ in range(2):
        assert spans(tmp_path, calendar, freeze) == ["07T0200-0400"]
    assert spans(tmp_path, freeze, calendar) == []


@pytest.mark.parametrize("how", ["BOM", "two in one file", "LF"])
def test_how_a_file_is_written(tmp_path: Path, how: str) -> None:
    """A byte order mark, several calendars and bare line feeds are read."""
    text = calendar_text(AT)
    written = {
        "BOM": b"\xef\xbb\xbf" + text.encode(),
        "two in one file": (calendar_text() + text).encode(),
        "LF": text.replace("\r\n", "\n").encode(),
    }[how]
    assert spans(tmp_path, written) == ["07T0000-0400"]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("STATUS:CANCELLED", "cancelled"),
        ("STATUS:TENTATIVE", "tentative"),
        ("TRANSP:TRANSPARENT", "free (transparent)"),
    ],
)
def test_what_is_not_certain_opens_nothing(tmp_path: Path, line: str, named: str) -> None:
    """A cancelled, tentative or free event is no window, and is named; of a freeze only a cancelled one ends it."""
    note: set[str] = set()
    assert spans(tmp_path, calendar_text(f"{AT}\r\n{line}"), note=note) == []
    assert note == {named}
    frozen = spans(tmp_path, calendar_text(AT), calendar_text(f"{AT}\r\n{line}"))
    assert frozen == (["07T0000-0400"] if named == "cancelled" else [])
