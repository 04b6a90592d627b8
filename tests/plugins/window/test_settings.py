"""What a policy may say of a window."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from retrust_plugins.window.settings import Rule, WindowSettings

RULE = {"start": "2026-01-04 02:00", "duration": "4h"}
ZONE = {"timezone": "Europe/Zurich"}

WRONG: list[Any] = [
    pytest.param({}, id="no calendar"),
    pytest.param({"calendar": []}, id="an empty calendar"),
    pytest.param({"calendar": RULE}, id="a rule that says not where"),
    pytest.param({"calendar": "w.ics", "freeze": RULE}, id="a freeze that says not where"),
    pytest.param({"calendar": RULE, "timezone": "Mars/Olympus"}, id="an unknown time zone"),
    pytest.param({"calendar": RULE, "timezone": "../etc/passwd"}, id="a time zone that is a path"),
    pytest.param({"calendar": {**RULE, "end": "2026-01-04 06:00"}, **ZONE}, id="duration and end"),
    pytest.param({"calendar": {"start": "2026-01-04"}, **ZONE}, id="neither duration nor end"),
    pytest.param({"calendar": {"start": "2026-01-04", "end": "2026-01-04"}, **ZONE}, id="no time at all"),
    pytest.param({"calendar": {"start": "2026-01-04 02:00+01:00", "duration": "1h"}, **ZONE}, id="an offset"),
    pytest.param({"calendar": {"start": "Sunday", "duration": "1h"}, **ZONE}, id="a start that is no time"),
    pytest.param({"calendar": {**RULE, "rrule": "FREQ=WEKLY"}, **ZONE}, id="a wrong rule"),
    pytest.param({"calendar": {**RULE, "rrule": "BYDAY=SU"}, **ZONE}, id="a rule without a frequency"),
    pytest.param({"calendar": {**RULE, "rrule": "FREQ=HOURLY"}, **ZONE}, id="a rule that recurs too often"),
    pytest.param({"calendar": {**RULE, "rrule": 7}, **ZONE}, id="a rule that is no text"),
    pytest.param({"calendar": {**RULE, "duration": "-1h"}, **ZONE}, id="a negative duration"),
    pytest.param({"calendar": "w.ics", "margin": "soon"}, id="a margin that is no duration"),
    pytest.param({"calendar": "w.ics", "frozen": "f.ics"}, id="an unknown key"),
]


@pytest.mark.parametrize("given", WRONG)
def test_wrong(given: dict[str, Any]) -> None:
    """Each row cannot be kept, and is refused when the inventory is read."""
    with pytest.raises(ValidationError):
        WindowSettings.model_validate(given)


def test_one_or_many() -> None:
    """A calendar is a file, a rule, or a list of both; a file is relative to the inventory's folder."""
    context = {"folder": Path("/inventory")}
    one = WindowSettings.model_validate({"calendar": "w.ics"}, context=context)
    assert one.calendar == (Path("/inventory/w.ics"),)
    both = WindowSettings.model_validate({"calendar": ["/w.ics", RULE], **ZONE}, context=context)
    assert both.calendar == (Path("/w.ics"), Rule(start=datetime(2026, 1, 4, 2), duration=timedelta(hours=4)))


def test_a_date_is_its_midnight() -> None:
    """Dates may be written without a time, and as YAML reads them."""
    read = {"start": datetime(2026, 12, 20).date(), "end": "2027-01-04"}
    rule = Rule.model_validate(read)
    assert (rule.start, rule.end) == (datetime(2026, 12, 20), datetime(2027, 1, 4))
