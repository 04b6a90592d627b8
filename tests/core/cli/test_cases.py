"""`cases`, `show`, `approve`, `reject`, `cancel` and `dismiss`, on the ledger here."""

from __future__ import annotations

import asyncio
import json

import pytest

from kit.scenes import waiting_case
from kit.terminal import Terminal
from retrust.cli import cases


async def test_the_list_has_open_cases_and_all_on_demand(terminal: Terminal) -> None:
    """An ended case is left out until --all asks for it."""
    assert await terminal.type("cases") == (0, "no open case")
    case = await waiting_case(terminal.ledger)
    assert f"{case.id} campus waiting" in (await terminal.type("cases"))[1]
    await terminal.ledger.move(case.id, "expire", actor="service")
    assert await terminal.type("cases") == (0, "no open case")
    assert f"{case.id} campus expired" in (await terminal.type("cases", "--all"))[1]


async def test_the_first_line_of_a_case_is_its_answer(terminal: Terminal) -> None:
    """How it stands, which gate it waits for, and the next command; then the plan and the story."""
    case = await waiting_case(terminal.ledger)
    code, said = await terminal.type("show", case.id)
    assert code == 0
    assert said.startswith(f"{case.id}: waiting for the gate people, needs")
    for part in (f"→ retrust approve {case.id}", f"plan {case.digest}", "cannot be undone", "planned → waiting"):
        assert part in said


async def test_the_case_as_json(terminal: Terminal) -> None:
    """The story is one object, with the plan's digest that `approve --digest` takes."""
    case = await waiting_case(terminal.ledger)
    story = json.loads((await terminal.type("show", case.id, "--json"))[1])
    assert (story["case"]["id"], story["plan"]["digest"]) == (case.id, case.digest)


async def test_an_older_digest_is_not_approved(terminal: Terminal) -> None:
    """Who read another plan has not decided this one."""
    case = await waiting_case(terminal.ledger)
    code, said = await terminal.type("approve", case.id, "--reason", "x", "--digest", "0" * 64, key="ann")
    assert code != 0, said
    assert await terminal.said(case) == []
    code, said = await terminal.type("approve", case.id, "--reason", "x", "--digest", case.digest or "", key="ann")
    assert (code, "signed yes by person:ann at the gate people" in said, "gate people: open" in said) == (0, True, True)


@pytest.mark.parametrize("verb", ["reject", "cancel"])
async def test_a_case_ends_without_a_change(terminal: Terminal, verb: str) -> None:
    """A no and a cancel end it; a second one is refused."""
    case = await waiting_case(terminal.ledger)
    code, said = await terminal.type(verb, case.id, "--reason", "not today", key="ann")
    assert (code, f"case {case.id} is cancelled" in said) == (0, True), said
    assert (await terminal.ledger.case(case.id)).state == "cancelled"
    assert (await terminal.type(verb, case.id, "--reason", "again", key="ben"))[0] != 0


async def test_a_wrong_sighting_is_dismissed(terminal: Terminal) -> None:
    """`show` lists its id, and `dismiss` takes that; the story says who dismissed it and why."""
    await terminal.type("event", "renewed", "campus", "secondary", "--fingerprint", "SHA256:" + "a" * 64)
    (seen,) = await terminal.ledger.sightings()
    code, said = await terminal.type("dismiss", seen.id[:8], "--reason", "a drill", key="ann")
    assert (code, f"sighting {seen.id[:8]} is dismissed" in said) == (0, True), said
    (seen,) = await terminal.ledger.sightings() or await terminal.ledger.dismissed("campus")
    assert "a drill" in str(seen.dismissed)


async def test_watching_ends_with_the_case(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has not changed is not told again; the end of the case is the last that is told."""
    monkeypatch.setattr(cases, "WATCHED_EVERY", 0.02)
    case = await waiting_case(terminal.ledger)
    watched = asyncio.create_task(terminal.type("show", case.id, "--watch"))
    while not watched.done() and (await terminal.ledger.case(case.id)).state == "waiting":
        await asyncio.sleep(0.2)
        await terminal.ledger.move(case.id, "expire", actor="service")
    code, said = await watched
    assert (code, said.count(f"{case.id}: expired")) == (0, 1)
    assert said.count(f"{case.id}: waiting") <= 1
