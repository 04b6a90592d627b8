"""The gate ``window``: change windows and freezes as iCalendar rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily
from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust_plugins.window.calendars import CalendarError, open_spans

__all__ = ["CalendarError", "open_spans"]

__getattr__ = lazily(__name__, calendars="CalendarError open_spans")


@hookimpl
def retrust_gates() -> list[str]:
    return ["retrust_plugins.window.gate:Window"]
