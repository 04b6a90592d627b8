"""The source ``prime-alarms``: the appliance's stream of alarms, as an early sign that HA is in trouble."""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_sources() -> list[str]:
    return ["retrust_plugins.prime_alarms.source:PrimeAlarms"]
