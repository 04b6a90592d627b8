"""Approve, reject, cancel, dismiss: what each records, and what forbids it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.parts import breaking
from retrust.approval import (
    Attendance,
    MayNotDecide,
    Speaker,
    approve,
    cancel,
    create_token,
    current_matter,
    dismiss,
    objection,
    reject,
)
from retrust.approval.decisions import decide, foreseen, look_again, terminal_labels
from retrust.errors import UsageError
from retrust.models import Sighting
from retrust.states import State

PEOPLE = {"ann": ["network"], "ben": ["network"], "cy": ["security"]}
ANN, BEN, CY, EVE = (Speaker(f"person:{name}") for name in ("ann", "ben", "cy", "eve"))
POLICY = {"delete-pin": [{"gate": "people", "approvers": 1, "roles": ["network"]}]}


@pytest.fixture
async def waiting(scene: Any) -> Any:
    """A case that waits for its people, and its site."""
    site = await scene(people=PEOPLE, policy=POLICY)
    await site.broken()
    ended = await site.run(attendance=Attendance("service"))
    assert ended.outcome == "waiting"
    return site, ended.case_id


async def said(site: Any, case: str) -> list[tuple[str, str, bool]]:
    return [(d.actor, d.gate, d.yes) for d in await site.ledger.decisions(case)]


async def test_a_yes_goes_to_the_gate_that_the_person_may_open(waiting: Any) -> None:
    """Who names no gate opens the first one that they may; a second person opens the other, and the site heals."""
    site, case = waiting
    assert (await approve(site.engine, site.ledger, case, CY, reason="compared"))[0] == "security"
    assert (await approve(site.engine, site.ledger, case, ANN, reason="change 42"))[0] == "people"
    assert await said(site, case) == [("person:cy", "security", True), ("person:ann", "people", True)]
    assert (await site.run(attendance=Attendance("service"))).outcome == "healed"


async def test_nobody_counts_twice(waiting: Any) -> None:
    """A second yes of one person is refused, whatever their name looks like."""
    site, case = waiting
    await approve(site.engine, site.ledger, case, ANN, reason="x")
    for same in (ANN, Speaker("person:ANN "), Speaker("ann")):
        with pytest.raises(MayNotDecide):
            await approve(site.engine, site.ledger, case, same, reason="x", gate="people")
    assert len(await said(site, case)) == 1


async def test_a_stranger_decides_nothing(waiting: Any) -> None:
    """Who is not among the inventory's people opens no gate and closes none."""
    site, case = waiting
    with pytest.raises(MayNotDecide, match="not among the people"):
        await approve(site.engine, site.ledger, case, EVE, reason="x")
    with pytest.raises(MayNotDecide, match="not among the people"):
        await reject(site.engine, site.ledger, case, EVE, reason="x")
    assert await said(site, case) == []


async def test_a_yes_is_for_the_plan_that_was_read(waiting: Any) -> None:
    """With another digest than the plan's, nothing is recorded."""
    site, case = waiting
    with pytest.raises(MayNotDecide, match="digest"):
        await approve(site.engine, site.ledger, case, ANN, reason="x", digest="sha256:of-another")
    assert await said(site, case) == []


async def test_a_gate_that_is_not_there_is_named(waiting: Any) -> None:
    """The answer lists the gates that there are."""
    site, case = waiting
    with pytest.raises(UsageError) as refused:
        await approve(site.engine, site.ledger, case, ANN, reason="x", gate="nonsense")
    assert "people" in (refused.value.hint or "")


@pytest.mark.parametrize("reason", ["", "  "])
async def test_each_word_needs_a_reason(waiting: Any, reason: str) -> None:
    """Nothing is decided, ended or dismissed without one."""
    site, case = waiting
    for work in (
        approve(site.engine, site.ledger, case, ANN, reason=reason),
        reject(site.engine, site.ledger, case, ANN, reason=reason),
        cancel(site.ledger, case, ANN, reason=reason),
        dismiss(site.ledger, "0" * 8, ANN, reason=reason),
    ):
        with pytest.raises(MayNotDecide):
            await work
    assert await said(site, case) == []


async def test_a_no_ends_the_case(waiting: Any) -> None:
    """The gate closes, the case is cancelled, and nothing is sent by a later pass of this case."""
    site, case = waiting
    assert await reject(site.engine, site.ledger, case, BEN, reason="not tonight") == "people"
    assert (await site.ledger.case(case)).state is State.CANCELLED
    with pytest.raises(UsageError, match="cancelled"):
        await approve(site.engine, site.ledger, case, ANN, reason="x")
    assert site.world.peers["alpha"].pinned == "alpha-0"


async def test_anybody_who_may_speak_may_stop(waiting: Any) -> None:
    """To stop is never a matter of rank: the reason stays with the case."""
    site, case = waiting
    ended = await cancel(site.ledger, case, CY, reason="wrong server")
    assert (ended.state, ended.note) == (State.CANCELLED, "wrong server")


async def test_what_looks_like_a_token_is_not_kept(waiting: Any) -> None:
    """A reason with a pasted token keeps the words and loses the token."""
    site, case = waiting
    _, token = await create_token(site.ledger, site.engine.inventory, "ann", actor="person:cy", lasts=timedelta(days=1))
    await approve(site.engine, site.ledger, case, ANN, reason=f"yes, {token} is mine")
    (decision,) = await site.ledger.decisions(case)
    assert decision.reason.startswith("yes, ")
    assert decision.reason.endswith(" is mine")
    assert token not in decision.reason


async def test_a_look_that_a_person_asks_for(waiting: Any) -> None:
    """It is of the open case where there is one, of the site alone where there is none, and in that person's name."""
    site, case = waiting
    await look_again(site.engine, site.ledger, "campus", ANN, source="a test")
    await cancel(site.ledger, case, CY, reason="wrong server")
    await look_again(site.engine, site.ledger, "campus", BEN, source="a test")
    asked = await site.ledger.entries(kinds=("look-asked",))
    assert [(e.actor, e.case, e.site) for e in asked] == [
        ("person:ann", case, "campus"),
        ("person:ben", None, "campus"),
    ]


async def test_no_look_is_asked_for_in_maintenance(waiting: Any) -> None:
    """Where nothing is started, nothing is promised."""
    site, _ = waiting
    known = site.engine.inventory
    resting = known.sites["campus"].model_copy(update={"maintenance": True})
    engine = replace(site.engine, inventory=replace(known, sites={"campus": resting}))
    with pytest.raises(UsageError, match="in maintenance"):
        await look_again(engine, site.ledger, "campus", ANN, source="a test")
    assert await site.ledger.entries(kinds=("look-asked",)) == []


async def test_a_dismissed_sighting_ends_what_it_caused(scene: Any) -> None:
    """The case that rested on nothing else is cancelled, with the reason."""
    site = await scene(people=PEOPLE, policy=POLICY)
    assert (await site.run()).outcome == "healthy"
    now = datetime.now(UTC)
    told = Sighting(
        id="x", kind="log", site="campus", at=now, received_at=now, source="a.log", actor="service", text=""
    )
    await site.ledger.sight(told)
    (seen,) = await site.ledger.sightings("campus")
    await dismiss(site.ledger, seen.id, ANN, reason="an old line")
    assert await site.ledger.sightings("campus") == []
    (entry,) = await site.ledger.entries(kinds=("sighting-dismissed",))
    assert entry.actor == "person:ann"


async def test_options_at_the_terminal_open_the_gates_of_a_terminal(scene: Any) -> None:
    """``--yes`` opens `confirm`, ``--accept-unproven`` opens `security`, and neither any other gate."""
    both = Attendance("person:ann", yes=True, accept_unproven=True)
    assert [both.answers(gate) for gate in ("confirm", "security", "people")] == ["--yes", "--accept-unproven", None]
    assert [Attendance("person:ann").answers(gate) for gate in ("confirm", "security")] == [None, None]
    site = await scene()
    await site.broken()
    ended = await site.run(attendance=Attendance("person:ann"))
    matter = await current_matter(site.engine, site.ledger, ended.case_id)
    assert terminal_labels(matter) == ["confirm"]
    away = Speaker("person:ben")
    assert "is answered at the terminal" in (objection(matter, away, "confirm", yes=True) or "")
    assert objection(matter, replace(away, at_terminal=True), "confirm", yes=True) is None


async def test_a_signature_says_yes_and_nothing_else(waiting: Any) -> None:
    """A no with a signature is refused: what was signed would be a yes."""
    site, case = waiting
    matter = await current_matter(site.engine, site.ledger, case)
    with pytest.raises(MayNotDecide, match="a signature says yes to a plan"):
        await decide(
            site.ledger, matter, label="people", actor="person:ann", yes=False, reason="x", signature="SIGNATURE"
        )


async def test_a_plan_that_no_person_opens(scene: Any) -> None:
    """Where every gate is somebody else's system, the answer says so."""
    site = await scene(people=PEOPLE, policy={"delete-pin": [{"gate": "standard"}], "accept_blind_first_use": True})
    await site.broken()
    ended = await site.run(attendance=Attendance("service"), before=breaking("verify"))
    assert ended.case_id is not None
    with pytest.raises(UsageError, match="no gate of this plan is opened by a person"):
        await approve(site.engine, site.ledger, ended.case_id, ANN, reason="x")


@pytest.mark.parametrize(("yes", "state"), [(True, "open"), (False, "shut")])
async def test_what_an_option_will_say_is_foreseen(scene: Any, yes: bool, state: str) -> None:
    """How the gates will stand with --yes can be shown beforehand; nothing of it is recorded."""
    site = await scene(policy={"delete-pin": [{"gate": "confirm"}]})
    await site.broken()
    case = (await site.run(acts=False)).case_id
    matter = await current_matter(site.engine, site.ledger, case)
    states = await foreseen(site.engine, matter, Attendance("service", yes=yes, accept_unproven=True))
    assert {g.gate: g.state for g in states}["confirm"] == state
    assert await said(site, case) == []
