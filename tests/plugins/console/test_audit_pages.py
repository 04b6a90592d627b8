"""The record on pages: repeats folded, filtered, opened, as CSV, and a case's report on paper."""

from __future__ import annotations

import csv
import html
import re
from datetime import UTC, datetime
from typing import Any

from kit.forms import hidden_field
from kit.scenes import SERVICE, waiting_case
from retrust.models import Sighting
from retrust.testing.ledgers import an_entry, sighting
from retrust_plugins.console.folding import folded


async def a_storm(world: Any, times: int = 60) -> Any:
    """A case that waits, and the same line again and again."""
    case = await waiting_case(world.ledger)
    for number in range(times):
        seen = sighting(number, count=2, site="campus", received_at=datetime.now(UTC))
        await world.ledger.sight(Sighting.model_validate(seen.model_dump()))
    await world.ledger.move(case.id, "wait", actor=SERVICE, why="again")
    return case


async def test_repeats_are_one_line_that_opens(world: Any) -> None:
    """A run of sightings is one line with their count, in the timeline and in the audit; it opens to its entries."""
    case = await a_storm(world)
    ann = await world.browser("ann")
    for path in (f"/cases/{case.id}", "/audit"):
        text = (await ann.get(path)).text
        assert text.count("120 sightings in 60 entries") == 1, path
        [opened] = re.findall(r'<details id="run-\d+">(.*?)</details>', text, re.DOTALL)
        assert opened.count("<li>") == 50, path


async def rows(client: Any, **asked: Any) -> list[str]:
    answer = await client.get("/audit", params=asked)
    assert answer.status_code == 200, answer.text
    return re.findall(r'<th scope="row"><a href="/audit/(\d+)"', answer.text)


async def test_the_audit_is_filtered_and_paged(world: Any) -> None:
    """By person, kind and case; older entries follow the last of a page, each once."""
    case = await waiting_case(world.ledger)
    for number in range(120):
        await world.ledger.alarm(f"test {number}", "a test", actor="person:ben", site="campus")
    ann = await world.browser("ann")
    alarms = [str(e.seq) for e in reversed(await world.ledger.entries(kinds=["alarm"]))]
    assert await rows(ann, person="ben") == await rows(ann, kind="alarm") == alarms[:100]
    assert await rows(ann, kind="alarm", before=alarms[99]) == alarms[100:]
    assert await rows(ann, kind="alarm", person="ann") == []
    kinds = [(await world.ledger.entry(int(seq))).kind for seq in await rows(ann, case=case.id)]
    assert kinds == ["case-moved", "planned", "snapshot", "case-opened"]
    assert (await ann.get("/audit", params={"kind": "nonsense"})).status_code == 422


async def test_an_entry_opens(world: Any) -> None:
    """What it says as it is written, with its hash and the one before; no hash of a token or of a session."""
    case = await waiting_case(world.ledger)
    ann = await world.browser("ann")
    entries = {e.kind: e for e in await world.ledger.entries()}
    text = html.unescape((await ann.get(f"/audit/{entries['planned'].seq}")).text)
    for part in (str(case.digest), "deletecert host 10.0.0.12_8082", entries["planned"].hash):
        assert part in text
    for kind, secret in (("token-created", "hash"), ("signed-in", "session")):
        entry = entries[kind]
        assert entry.stored[secret] not in (await ann.get(f"/audit/{entry.seq}")).text
    assert (await ann.get("/audit/999999")).status_code == 404


async def test_the_audit_as_csv(world: Any) -> None:
    """The entries that fit, the newest first; no cell is a formula to a spreadsheet."""
    await waiting_case(world.ledger)
    await world.ledger.alarm("=HYPERLINK(1)", "a test", actor="person:ben", site="campus")
    ann = await world.browser("ann")
    answer = await ann.get("/audit.csv", params={"kind": "alarm"})
    assert answer.headers["content-type"].startswith("text/csv")
    [head, row] = csv.reader(answer.text.splitlines())
    assert dict(zip(head, row, strict=True)) | {"entry": "", "at": "", "hash": ""} == {
        "entry": "",
        "at": "",
        "who": "person:ben",
        "kind": "alarm",
        "case": "",
        "site": "campus",
        "what": "ALARM =HYPERLINK(1): a test",
        "hash": "",
    }
    everything = list(csv.reader((await ann.get("/audit.csv")).text.splitlines()))
    assert [int(row[0]) for row in everything[1:]] == list(range(len(everything) - 1, 0, -1))
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in everything for cell in row)


async def test_the_chain_is_verified_from_the_page(world: Any) -> None:
    """The button's answer is the report; a form of elsewhere is refused."""
    ann = await world.browser("ann")
    csrf = hidden_field((await ann.get("/audit")).text, "csrf")
    assert "note good" in (await ann.post("/audit/verify", data={"csrf": csrf})).text
    assert (await ann.post("/audit/verify", data={"csrf": "x"})).status_code == 403


def test_only_what_follows_one_another_is_folded() -> None:
    """Another kind, actor or case between two entries keeps them apart; other lines are never folded together."""
    from retrust.ledger.entries import AlarmRaised, LookAsked

    told = [
        an_entry(LookAsked(why="a", source="x"), seq=1),
        an_entry(LookAsked(why="b", source="x"), seq=2),
        an_entry(AlarmRaised(what="w", detail="1"), seq=3),
        an_entry(AlarmRaised(what="w", detail="1"), seq=4),
        an_entry(AlarmRaised(what="w", detail="2"), seq=5),
        an_entry(LookAsked(why="a", source="x"), seq=6),
        an_entry(LookAsked(why="a", source="x"), seq=7, actor="person:ann"),
    ]
    assert [[e.seq for e in run.entries] for run in folded(told)] == [[1, 2], [3, 4], [5], [6], [7]]
