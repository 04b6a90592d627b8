"""A case's story is told from the ledger, the same for all who show it."""

from __future__ import annotations

from retrust.ledger.entries import Progressed
from retrust.present import milestones_of, story_object
from retrust.testing.ledgers import an_entry


async def test_a_story_has_the_plan_its_pins_and_every_entry(scene) -> None:
    """From the case's first entry to its last, in order."""
    made = await scene()
    await made.broken()
    healed = (await made.run()).case
    assert healed is not None
    case = healed.id
    story = await story_object(made.engine, made.ledger, case)
    entries = await made.ledger.entries(case=case)
    assert [e["seq"] for e in story["entries"]] == [e.seq for e in entries]
    assert story["case"]["state"] == "healed"
    assert story["plan"]["digest"] == story["case"]["digest"]
    (pin,) = story["planned"]
    assert pin["verified"]["fingerprint"] != pin["presented"]["fingerprint"]


def test_milestones_are_those_of_the_plans_own_steps() -> None:
    """How far each came last, in the order in which they began; another plan's do not count."""
    told = [
        ("d1", "one", "copying", 10),
        ("d1", "one", "checking", None),
        ("d1", "one", "copying", 90),
        ("d1", "two", "waiting", None),
        ("d0", "one", "copying", 100),
    ]
    entries = [
        an_entry(Progressed(digest=digest, step=step, what=what, percent=percent))
        for digest, step, what, percent in told
    ]
    found = milestones_of(entries, "d1")
    assert found == {"one": {"copying": 90, "checking": None}, "two": {"waiting": None}}
    assert list(found["one"]) == ["copying", "checking"]
