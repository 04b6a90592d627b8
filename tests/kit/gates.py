"""Gates of other plugins, and the inventory's people, for tests of policies."""

from __future__ import annotations

from typing import Any

from retrust.gates import Confirm, Gate, GateSettings, Question, Standard
from retrust.models import GateState
from retrust_plugins.people.gate import People
from retrust_plugins.window.gate import Window

PEOPLE = {"ann": ["network"], "ben": ["network"], "cy": ["security"]}
SUNDAY = {
    "gate": "window",
    "timezone": "UTC",
    "calendar": [{"start": "2026-01-04 02:00", "duration": "4h", "rrule": "FREQ=WEEKLY;BYDAY=SU"}],
}


class Ticket(Gate[GateSettings]):
    """A gate through which someone else's system says yes."""

    name = "ticket"
    settings_model = GateSettings
    by_person = False
    approves = True

    async def state(self, question: Question[Any]) -> GateState:
        return GateState(gate="ticket", state="shut", needs="an approval")


class Always(Gate[GateSettings]):
    """A gate that a plugin asks of every plan."""

    settings_model = GateSettings
    by_person = False
    always = True

    def __init__(self, name: str) -> None:
        self.name = name

    async def state(self, question: Question[Any]) -> GateState:
        return GateState(gate=self.name, state="shut", needs="everything")


GATES: dict[str, Gate[Any]] = {gate.name: gate for gate in (Confirm(), Standard(), People(), Window(), Ticket())}
