"""What the pages show and do, over HTTP alone: no script runs here, so all of this works without one."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from kit.forms import hidden_field
from kit.scenes import NIGHT, POLICY, SERVICE, a_night, a_renewal, a_snapshot, waiting_case
from retrust.models import Grade
from retrust.testing.ledgers import fingerprint


async def test_first_look(world) -> None:
    """A person signs in, finds the case that waits, reads its proof and plan, and says yes."""
    case = await waiting_case(world.ledger)
    ann = await world.browser("ann")
    listed = await ann.get("/cases")
    assert f'href="/cases/{case.id}"' in listed.text
    page = await ann.get(f"/cases/{case.id}")
    assert page.status_code == 200, page.text
    for part in (
        "Waiting for your decision",
        "cannot be undone",
        "only if HA is not healthy",
        case.digest,
        "deletecert host 10.0.0.12_8082",
    ):
        assert part in page.text, part
    for name in ("old", "new"):
        assert "</span><span>".join(groups(fingerprint(name))) in page.text


def groups(text: str) -> list[str]:
    digits = text.removeprefix("SHA256:")
    return [digits[start : start + 8] for start in range(0, len(digits), 8)]


async def test_every_page(world) -> None:
    """Every page is there for a person who signed in, whatever the case's state."""
    case = await waiting_case(world.ledger)
    ann = await world.browser("ann")
    assert a_renewal().digest
    for path in (
        "/",
        "/cases",
        "/cases?state=all&site=campus",
        "/sites",
        "/sites/campus",
        "/audit",
        f"/cases/{case.id}",
        f"/cases/{case.id}/export",
    ):
        answer = await ann.get(path)
        assert answer.status_code == 200, (path, answer.text)


async def test_the_picture_is_of_the_newest_look(world) -> None:
    """What a check saw after the last case is what the sites' page shows, and says whence it is known."""
    case = await waiting_case(world.ledger)
    ann = await world.browser("ann")
    assert f"(case {case.id})" in (await ann.get("/sites/campus")).text
    assert "1 stale" in (await ann.get("/sites")).text
    checked = a_snapshot(healed=True).model_copy(update={"observed_at": datetime.now(UTC)})
    await world.ledger.record_look(checked, actor="person:ann")
    assert "(check)" in (await ann.get("/sites/campus")).text
    assert "stale" not in (await ann.get("/sites")).text


async def rows(client, **asked: str) -> list[str]:
    """The cases that the list shows, in its order."""
    answer = await client.get("/cases", params=asked)
    assert answer.status_code == 200, answer.text
    return re.findall(r'<th scope="row"><a href="/cases/([\w-]+)"', answer.text)


async def test_the_list_is_narrowed_and_sorted(make_world) -> None:
    """By site, state, person and words; by age, site, state and evidence; a word that nothing has finds nothing."""
    world = await make_world(sites=NIGHT)
    cases = {state: case.id for state, case in (await a_night(world.ledger, world.engine.home)).items()}
    ann, dan = await world.browser("ann"), await world.browser("dan")
    waiting, failed, executing = cases["waiting"], cases["failed"], cases["executing"]
    assert await rows(ann) == [executing, failed, waiting]
    assert await rows(ann, sort="oldest") == [waiting, failed, executing]
    assert await rows(ann, sort="site") == [failed, waiting, executing]
    assert await rows(ann, sort="state") == [failed, waiting, executing]
    assert await rows(ann, state="all") == [
        cases[state] for state in ("expired", "refused", "healed", "executing", "failed", "waiting")
    ]
    assert await rows(ann, state="healed") == [cases["healed"]]
    assert await rows(ann, site="dc-") == [executing]
    assert await rows(ann, q="Primary lost BRANCH") == [failed]
    assert await rows(ann, q="harbour", state="all") == [cases["refused"]]
    assert await rows(ann, q="nonsense") == []
    assert await rows(ann, person="me") == [failed, waiting], "whoever is there may try again"
    assert await rows(dan, person="me") == [failed]
    assert await rows(dan, person="ben") == [failed, waiting]


async def test_the_list_says_what_is_broken_and_who_acts(world) -> None:
    """Relation, pin, evidence and the next actor stand in a case's row, and follow a decision at once."""
    case = await waiting_case(world.ledger, plan=a_renewal(grade=Grade.SUPPORTED))
    ann, cy = await world.browser("ann"), await world.browser("cy")
    text = (await ann.get("/cases")).text
    for part in ("HA: Primary Lost Secondary", "primary:10.0.0.12_8082", "supported", "ann or ben or cy"):
        assert part in text, part
    csrf = hidden_field(text, "csrf")
    said = {"reason": "change 42", "digest": case.digest, "csrf": csrf}
    assert (await ann.post(f"/cases/{case.id}/approve", data=said)).status_code == 303
    assert await rows(ann, person="me") == []
    assert await rows(cy, person="me") == [case.id]
    assert "ben or cy" in (await ann.get("/cases")).text


async def test_a_check_is_seen_in_the_list(world) -> None:
    """What a check saw after the case was read changes its row."""
    await waiting_case(world.ledger)
    ann = await world.browser("ann")
    assert "HA: Primary Lost Secondary" in (await ann.get("/cases")).text
    await world.ledger.record_look(a_snapshot(healed=True), actor="person:ann")
    assert "HA: Primary Lost Secondary" not in (await ann.get("/cases")).text


async def test_many_cases_are_paged(make_world) -> None:
    """A list holds fifty cases; its last page has the rest, and a number behind it is the last page."""
    sites = [f"site{number:02}" for number in range(53)]
    world = await make_world(sites=sites)
    cases = [await world.ledger.open_case(site, cause="log: hm-0-0.log", actor=SERVICE) for site in sites]
    ann = await world.browser("ann")
    assert await rows(ann, sort="oldest") == [c.id for c in cases[:50]]
    assert (
        await rows(ann, sort="oldest", page="2")
        == await rows(ann, sort="oldest", page="9")
        == [c.id for c in cases[50:]]
    )
    assert "53 cases, page 1 of 2" in (await ann.get("/cases")).text


async def test_the_overview(make_world) -> None:
    """The first screen says what needs me, what others must do, what is broken, what runs, and what healed."""
    world = await make_world(sites=NIGHT)
    ann = await world.browser("ann")
    text = (await ann.get("/")).text
    assert "Nothing needs you" in text
    assert "No relation is broken at 7 sites, as last seen; 7 sites were never looked at" in text
    cases = await a_night(world.ledger, world.engine.home)
    parts = dict(
        re.findall(r'<section aria-labelledby="h-(\w+)">(.*?)</section>', (await ann.get("/")).text, re.DOTALL)
    )
    found = {part: set(re.findall(r'href="/cases/([\w-]+)"', text)) for part, text in parts.items()}
    assert found["mine"] == {cases["waiting"].id, cases["failed"].id}
    assert found["runs"] == {cases["executing"].id}
    assert "delete-pin 10.0.0.12_8082 on primary sent" in parts["runs"]
    assert found["healed"] == {cases["healed"].id}
    assert {"campus", "branch", "dc-east", "harbour", "airport"} == set(re.findall(r'"/sites/([\w-]+)"', parts["down"]))
    assert "2 cases need you" in (await ann.get("/")).text
    dan = (await (await world.browser("dan")).get("/")).text
    assert "1 case needs you" in dan
    assert "1 case needs somebody else" in dan
    assert f'"/cases/{cases["refused"].id}">{cases["refused"].id}</a>: refused' in (await ann.get("/")).text
    again = await world.ledger.open_case("harbour", cause="log: hm-0-0.log", actor=SERVICE)
    await world.ledger.move(again.id, "heal", actor=SERVICE)
    assert "interception" not in (await ann.get("/")).text, "it healed since"
    world.tokens["ann"] = await world.token("ann", read_only=True)
    assert "Nothing needs you" in (await (await world.browser("ann")).get("/")).text


async def test_a_list_is_asked_for_alone(world) -> None:
    """Our script asks for the part that changes; the page around it is not sent again."""
    await waiting_case(world.ledger)
    ann = await world.browser("ann")
    for path in ("/", "/cases"):
        part = (await ann.get(path, headers={"x-part": "1"})).text
        assert "<html" not in part
        assert "Primary Lost Secondary" in part


async def sites(client, **asked: str) -> list[str]:
    answer = await client.get("/sites", params=asked)
    assert answer.status_code == 200, answer.text
    return re.findall(r'<th scope="row"><a href="/sites/([\w-]+)"', answer.text)


async def test_the_list_of_sites(make_world) -> None:
    """What is broken comes first; it is searched, and narrowed to what is broken, worked on, or was never seen."""
    world = await make_world(sites=NIGHT)
    await a_night(world.ledger, world.engine.home)
    ann = await world.browser("ann")
    broken = ["branch", "campus", "dc-east", "airport", "harbour"]
    assert await sites(ann) == [*broken, "dc-west", "depot"]
    assert await sites(ann, show="broken") == broken
    assert await sites(ann, show="case") == ["branch", "campus", "dc-east"]
    assert await sites(ann, show="unseen") == ["depot"]
    assert await sites(ann, q="dc-") == ["dc-east", "dc-west"]
    assert await sites(ann, q="lost secondary air") == ["airport"]


WEEKLY = {"start": "2020-01-05 02:00", "duration": "4h", "rrule": "FREQ=WEEKLY"}
ALWAYS = {"start": "2020-01-01 00:00", "end": "2090-01-01 00:00"}


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({"calendar": [WEEKLY]}, r"window shut</span> <span class=\"sub\">opens <time"),
        ({"calendar": [ALWAYS]}, r"window open</span> <span class=\"sub\">until <time"),
        ({"calendar": [ALWAYS], "freeze": [ALWAYS]}, r"frozen</span>"),
        ({"calendar": ["gone.ics"]}, r"window shut</span> <span class=\"sub\">needs a calendar that can be relied on"),
        (None, "any time"),
    ],
)
async def test_when_a_site_may_be_changed(make_world, window, said: str) -> None:
    """The next change window, or the one that is open, or a freeze, stands in the list and on the site's page."""
    gates = [{"gate": "window", "timezone": "UTC", **window}] if window else []
    world = await make_world(policy={**POLICY, "interrupting": [*POLICY["interrupting"], *gates]})
    ann = await world.browser("ann")
    for path in ("/sites", "/sites/campus"):
        assert re.search(said, (await ann.get(path)).text), path


async def test_maintenance_is_seen_and_starts_nothing(world) -> None:
    """A site in maintenance says so and offers no check; one that is asked for all the same is refused."""
    ann = await world.browser("ann")
    offered = (await ann.get("/sites/campus")).text
    assert "Check now" in offered
    csrf = hidden_field(offered, "csrf")
    answer = await ann.post("/sites/campus/again", data={"csrf": csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sites/campus?said=again")
    known = world.engine.inventory.sites
    known["campus"] = known["campus"].model_copy(update={"maintenance": True})
    for path in ("/sites", "/sites/campus", "/sites?show=maintenance"):
        assert "in maintenance" in (await ann.get(path)).text, path
    assert "Check now" not in (await ann.get("/sites/campus")).text
    assert (await ann.post("/sites/campus/again", data={"csrf": csrf})).status_code == 409
    assert len(await world.ledger.entries(kinds=["look-asked"])) == 1


async def test_errors_are_pages(world) -> None:
    """Not allowed, not found and broken are pages in plain words, with the menu where somebody is signed in."""
    case = await waiting_case(world.ledger)
    ann = await world.browser("ann")
    told = {
        "/nothing": (404, "Not found", "There is no page at this address."),
        "/sites/nothing": (404, "Not found", "The inventory has no site nothing."),
        "/cases/campus-9": (404, "Not found", "No case campus-9."),
        "/cases?state=odd": (422, "Wrong input", "State: Input should be"),
    }
    for path, (status, title, said) in told.items():
        answer = await ann.get(path)
        assert (answer.status_code, f"<h1>{title}</h1>" in answer.text, said in answer.text) == (status, True, True)
        assert 'aria-label="Main"' in answer.text, path
    refused = await ann.post(f"/cases/{case.id}/cancel", data={"csrf": "x", "reason": "y"})
    assert (refused.status_code, "<h1>Not allowed</h1>" in refused.text) == (403, True)
    for spoil, status, title in (
        ("UPDATE cases SET state = 'odd'", 500, "Something went wrong"),
        ("DROP TABLE cases", 503, "Not possible now"),
    ):
        with closing(sqlite3.connect(world.engine.home / "ledger.db")) as database:
            database.execute(spoil)
            database.commit()
        broken = await ann.get(f"/cases/{case.id}")
        assert (broken.status_code, f"<h1>{title}</h1>" in broken.text) == (status, True)
