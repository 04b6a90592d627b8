"""A case's page: what it says in each state, what it offers to whom, and the files of a failed case."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from kit.forms import hidden_field
from kit.scenes import FILES, NIGHT, PEOPLE, a_night, a_renewal, a_snapshot, waiting_case
from retrust.ledger.entries import LookAsked
from retrust.models import Plan
from retrust.runs.plan import bind

OFFER = r"<button(?![^>]*data-print)[^>]*>(.*?)</button>"
"""What sends something; a report is printed in the browser alone."""


async def read(client: Any, case: Any) -> str:
    answer = await client.get(f"/cases/{case.id}")
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


async def test_what_each_state_offers(make_world: Any) -> None:
    """A failed case can be tried again, others be looked at; nothing is offered while a pass runs, or to a viewer."""
    world = await make_world(sites=NIGHT)
    cases = await a_night(world.ledger, world.engine.home)
    ann = await world.browser("ann")
    world.tokens["cy"] = await world.token("cy", read_only=True)
    viewer = await world.browser("cy")
    offers = {}
    for state, case in cases.items():
        text = await read(ann, case)
        offers[state] = re.findall(OFFER, text.split("<main")[1].split("</main>")[0])
        seen = await read(viewer, case)
        assert re.findall(OFFER, seen.split("<main")[1].split("</main>")[0]) == [], state
        assert (">to do<" in text) is case.is_open, "what an ended case did not do, nobody will do"
    assert offers == {
        "waiting": ["Check now", "Approve this plan", "Reject and end the case", "End the case"],
        "failed": ["Try again", "End the case"],
        "executing": ["End the case"],
        "healed": ["Check now"],
        "refused": ["Check now"],
        "expired": ["Check now"],
    }


async def test_asking_again(make_world: Any) -> None:
    """The ledger keeps who asked; a viewer, a stranger's form and a site in maintenance are refused."""
    world = await make_world(sites=NIGHT)
    failed = (await a_night(world.ledger, world.engine.home))["failed"]
    ann = await world.browser("ann")
    csrf = hidden_field(await read(ann, failed), "csrf")
    path = f"/cases/{failed.id}/again"
    assert (await ann.post(path)).status_code == 403
    assert (await ann.post(path, data={"csrf": csrf}, headers={"origin": "https://evil.example"})).status_code == 403
    world.tokens["cy"] = await world.token("cy", read_only=True)
    viewer = await world.browser("cy")
    assert (await viewer.post(path, data={"csrf": hidden_field(await read(viewer, failed), "csrf")})).status_code == 403
    assert (await (await world.api("cy")).post(f"/api/v1{path}")).status_code == 403
    assert await world.ledger.entries(kinds=["look-asked"]) == []
    answer = await ann.post(path, data={"csrf": csrf})
    assert "Retrust looks at the site within seconds" in (await ann.get(answer.headers["location"])).text
    assert (await (await world.api("ann")).post(f"/api/v1{path}")).json()["site"] == "branch"
    entries = await world.ledger.entries(kinds=["look-asked"])
    assert [(e.actor, e.site, e.case) for e in entries] == [("person:ann", "branch", failed.id)] * 2
    assert isinstance(entries[0].body, LookAsked)
    site = world.engine.inventory.sites["branch"]
    world.engine.inventory.sites["branch"] = site.model_copy(update={"maintenance": True})
    refused = await ann.post(path, data={"csrf": csrf})
    assert (refused.status_code, "in maintenance" in refused.text) == (409, True)


async def test_the_files_of_a_failed_case(make_world: Any) -> None:
    """Texts stand in the page, pictures are shown; one that was changed since is not, and its page says so."""
    world = await make_world(sites=NIGHT)
    failed = (await a_night(world.ledger, world.engine.home))["failed"]
    ann = await world.browser("ann")
    assert "connection closed" in await read(ann, failed)
    picture = await ann.get(f"/cases/{failed.id}/files/r1/ha.png")
    assert (picture.headers["content-type"], picture.content) == ("image/png", FILES["r1/ha.png"])
    for name in ("r1/primary.txt", "r1/none.png", "..%2Fledger.db", "%2Fetc%2Fpasswd"):
        assert (await ann.get(f"/cases/{failed.id}/files/{name}")).status_code == 404, name
    (world.engine.home / "runs" / "r1" / "ha.png").write_bytes(FILES["r1/ha.png"] + b"more")
    (world.engine.home / "runs" / "r1" / "primary.txt").unlink()
    text = await read(ann, failed)
    assert "was changed after it had been registered" in text
    assert "cannot be read any more" in text
    assert (await ann.get(f"/cases/{failed.id}/files/r1/ha.png")).status_code == 404


def _unknown_before() -> Plan:
    made = a_renewal()
    findings = tuple(f.model_copy(update={"baseline": None}) for f in made.snapshot.findings)
    return bind(made.model_copy(update={"snapshot": made.snapshot.model_copy(update={"findings": findings})}))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (a_renewal(), "Compare both fingerprints, read the plan, then decide below."),
        (_unknown_before(), "Read the plan and its evidence, then decide below."),
    ],
)
async def test_two_fingerprints_are_compared_where_there_are_two(world: Any, plan: Plan, said: str) -> None:
    """Where none was verified before, nobody is asked to compare."""
    assert said in await read(await world.browser("ann"), await waiting_case(world.ledger, plan=plan))


async def test_who_may_still_decide(world: Any) -> None:
    """The people whom the rules let say yes, and after a yes the others; what happens and how long stands above."""
    case = await waiting_case(world.ledger)
    ann = await world.browser("ann")
    text = await read(ann, case)
    assert "Who may still decide: ann, ben" in text
    assert "Retrust will delete the old pin of secondary on primary" in text
    assert "It takes at most 2 minutes: it was not done before." in text
    said = {"reason": "change 42", "digest": case.digest, "csrf": hidden_field(text, "csrf")}
    await ann.post(f"/cases/{case.id}/approve", data=said)
    assert "Who may still decide: ben" in await read(ann, case)
    assert a_snapshot(healed=True)


async def test_roles(make_world: Any) -> None:
    """Who may not decide is offered no decision and told why; the menu says viewer, approver or administrator."""
    world = await make_world(people={**PEOPLE, "eve": ["network", "admin"], "max": []})
    case = await waiting_case(world.ledger)
    world.tokens["ben"] = await world.token("ben", read_only=True)
    seen = {}
    for person in ("ann", "ben", "dan", "eve", "max"):
        text = await read(await world.browser(person), case)
        role = re.search(r'<span class="tag" title="[^"]*">(\w+)</span>', text)
        seen[person] = (role and role[1], "Approve this plan" in text, "End this case" in text)
        refusal = {"ben": "this token only reads", "dan": "asks for the role network"}.get(person)
        assert (
            refusal is None
            or f"You cannot decide here: {'' if person == 'ben' else 'the gate people '}{refusal}" in text
        )
    assert seen == {
        "ann": ("approver", True, True),
        "ben": ("viewer", False, False),
        "dan": ("approver", False, True),
        "eve": ("administrator", True, True),
        "max": ("approver", False, True),
    }
