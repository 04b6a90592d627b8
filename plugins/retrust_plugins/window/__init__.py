"""The gate ``window``: change windows and freezes as iCalendar rules."""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_gates() -> list[str]:
    return ["retrust_plugins.window.gate:Window"]
