"""Whether an alert is on: what is resolved, recovered or sent as a test is no failure. Pure.

Platforms say it in a field of their own; ``map.state`` names it where none of the usual ones is meant. The field that
stands nearest to the top of the alert counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

_OFF = frozenset(
    {
        "resolved",
        "resolve",
        "recovered",
        "recovery",
        "inactive",
        "cleared",
        "clear",
        "closed",
        "close",
        "ended",
        "deactivated",
        "incident.resolved",
        "test",
    }
)
"""Said of an alert in whatever field, these end it."""
_OFF_AS_STATE = _OFF | {"ok", "normal", "up", "success", "green", "healthy", "0", "no data", "insufficient_data"}
"""Said in a field that holds nothing else than an alert's state: a log record's ``status`` may be ``ok``, too."""
_ANY = frozenset(
    {
        "status",
        "action",
        "eventaction",
        "event",
        "eventtype",
        "actiongroup",
        "transition",
        "alerttransition",
        "monitorcondition",
        "notificationtype",
        "eventstatus",
        "alertstatus",
        "group",
    }
)
_STATES = frozenset(
    {
        "state",
        "alertstate",
        "newstate",
        "newstatevalue",
        "currentstate",
        "servicestate",
        "hoststate",
        "alerttype",
        "eventvalue",
        "triggerstatus",
        "statevalue",
        "evalstate",
    }
)
_DEPTH, _WIDTH = 4, 2000


def is_off(item: Any, state: str | None = None, off: Collection[str] = ()) -> bool | None:
    """True where the alert says that it is over or a test, False where it says that it is on, None where neither.

    ``state`` is what the settings' own path found, ``off`` what the settings take for an end.
    """
    if state is not None:
        return _folded(state) in _OFF_AS_STATE | {_folded(value) for value in off}
    for key, value in _fields(item):
        if key in _STATES:
            return value in _OFF_AS_STATE
        if key in _ANY and (value in _OFF or value in _ON):
            return value in _OFF
    return None


_ON = frozenset(
    {
        "firing",
        "alerting",
        "triggered",
        "trigger",
        "problem",
        "fired",
        "activated",
        "active",
        "open",
        "create",
        "created",
        "alarm",
        "alert",
        "new",
        "incident.triggered",
    }
)


def _fields(item: Any) -> Iterator[tuple[str, str]]:
    """Keys and texts of an object, those at the top first; of a large one the first of them."""
    level, seen = [item], 0
    for _ in range(_DEPTH):
        below: list[Any] = []
        for value in level:
            for key, inner in value.items() if isinstance(value, dict) else ():
                seen += 1
                if seen > _WIDTH:
                    return
                if isinstance(inner, str | int) and not isinstance(inner, bool):
                    yield key.replace("_", "").replace("-", "").replace(".", "").casefold(), _folded(str(inner))
                elif isinstance(inner, dict):
                    below.append(inner)
        level = below


def _folded(value: str) -> str:
    return value.strip().casefold()
