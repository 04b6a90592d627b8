"""A plan with its gates, its people, and what they said: for tests of who may decide, and of how gates stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from retrust.approval import Matter, evaluate
from retrust.gates import Confirm, Gate, GateSettings, Question, Requirement, Standard
from retrust.ledger import Case
from retrust.models import Decision, GateState, Plan, Sighting
from retrust.testing.plans import DIGEST, NOW, a_case, a_decision, a_plan, an_inventory
from retrust_plugins.people.gate import People

HOUR = timedelta(hours=1)
OLD = "sha256:" + "0" * 64


class Scripted(Gate[GateSettings]):
    """A third party's gate that does what the test says."""

    settings_model = GateSettings

    def __init__(self, name: str, answer: Any, *, by_person: bool = False) -> None:
        self.name, self.answer, self.by_person = name, answer, by_person

    async def state(self, question: Question[Any]) -> GateState:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


GATES: dict[str, Gate[Any]] = {
    "people": People(),
    "confirm": Confirm(),
    "standard": Standard(),
    "ticket": Scripted("ticket", GateState(gate="ticket", state="open")),
}


@dataclass
class Scene:
    """A plan with its gates, and what was said so far."""

    required: Sequence[Requirement] = (
        Requirement("people", "people", {"approvers": 2, "roles": ["network"]}, ("interrupting",)),
        Requirement("security", "people", {"approvers": 1, "roles": ["security"]}, ("interrupting",)),
    )
    gates: Mapping[str, Gate] = field(default_factory=lambda: GATES)
    case: Case = field(default_factory=a_case)
    plan: Plan = field(default_factory=lambda: a_plan("interrupting"))
    decisions: Sequence[Decision] = ()
    sightings: Sequence[Sighting] = ()
    asked_at: datetime | None = NOW

    def matter(self) -> Matter:
        inventory = an_inventory()
        return Matter(
            inventory,
            inventory.sites["campus"],
            self.case,
            self.plan,
            self.required,
            self.gates,
            self.decisions,
            self.sightings,
            self.asked_at,
        )

    async def states(self, now: datetime = NOW, **more: Any) -> dict[str, GateState]:
        found = await evaluate(self.matter(), now=now, **more)
        return {state.gate: state for state in found}


def network(actor: str, **more: Any) -> Decision:
    return a_decision(actor, roles=["network"], **more)


def a_sighting(actor: str, fingerprint: str | None = None) -> Sighting:
    return Sighting(
        id="s1",
        kind="person",
        fingerprint=fingerprint,
        at=NOW,
        received_at=NOW,
        source="cli",
        actor=actor,
        level="authenticated",
    )


TERMINAL = (
    Requirement("confirm", "confirm", {}, ("delete-pin",)),
    Requirement("security", "confirm", {}, ()),
)
TICKET = (Requirement("ticket", "ticket", {}, ("delete-pin",)),)

SAID = st.lists(
    st.builds(
        lambda actor, gate, yes, roles, digest, hours, reason: a_decision(
            actor, gate, yes=yes, roles=roles, digest=digest, at=NOW + hours * HOUR, reason=reason
        ),
        st.sampled_from(["ann", "person:Ann", "ben", "cy", "dee", "req"]),
        st.sampled_from(["people", "security"]),
        st.sampled_from([True, True, True, False]),
        st.lists(st.sampled_from(["network", "security"]), max_size=2),
        st.sampled_from([DIGEST, DIGEST, OLD]),
        st.integers(-90, 0),
        st.sampled_from(["change 42", "ok", " "]),
    ),
    max_size=8,
)
"""What people may have said, at any gate, to any plan, at any time of the last days."""
