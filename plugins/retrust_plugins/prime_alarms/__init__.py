"""The source ``prime-alarms``: the appliance's stream of alarms, as an early sign that HA is in trouble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.sources import EventSource


@hookimpl
def retrust_sources() -> Sequence[EventSource[Any]]:
    from retrust_plugins.prime_alarms.source import PrimeAlarms

    return [PrimeAlarms()]
