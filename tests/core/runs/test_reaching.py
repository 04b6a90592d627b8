"""Looking without touching: what is known, what is seen, and what it means in one number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kit.model import certificate
from retrust.models import Endpoint, Evidence, Finding, Grade, Pin, Relation, Snapshot, Verdict
from retrust.runs.reaching import FAILED, OK, PERSON_NEEDED, REFUSED, exit_code, known_of, look, says_something_new
from retrust.target import Connection, Services
from retrust.testing.ledgers import sighting
from retrust.testing.plans import NOW

UP, DOWN, UNWORDED = (Relation(status="x", healthy=healthy) for healthy in (True, False, None))
CONTRADICTED = Evidence(grade=Grade.CONTRADICTED)


def finding(verdict: Verdict = Verdict.FRESH, **said: Any) -> Finding:
    pin = Pin(holder="hub", key="alpha_1", subject="CN=alpha", line="alpha_1")
    seen = {"endpoint": Endpoint(host="10.0.0.1", port=1), "presented": certificate("alpha-0"), "relation": "alpha"}
    return Finding.model_validate({"pin": pin, "verdict": verdict} | seen | said)


def snapshot(*findings: Finding, relation: Relation | None = UP, **said: Any) -> Snapshot:
    first = {"site": "campus", "target": "model", "observed_at": NOW, "findings": findings}
    return Snapshot.model_validate(first | {"relations": {"alpha": relation}} | said)


CODES: list[Any] = [
    pytest.param(snapshot(finding()), OK, id="all is well"),
    pytest.param(snapshot(finding(Verdict.STALE)), PERSON_NEEDED, id="a stale pin"),
    pytest.param(snapshot(finding(Verdict.UNPROVEN)), OK, id="an unproven pin whose relation is healthy: a note"),
    pytest.param(
        snapshot(finding(Verdict.UNPROVEN), relation=None), PERSON_NEEDED, id="not where it could not be read"
    ),
    pytest.param(
        snapshot(finding(Verdict.UNPROVEN), relations={}), OK, id="one that nothing but itself could vouch for: a note"
    ),
    pytest.param(
        snapshot(finding(Verdict.UNPROVEN, sighted=True), relations={}), PERSON_NEEDED, id="unless a line speaks of it"
    ),
    pytest.param(
        snapshot(finding(Verdict.UNPROVEN, relation=None), relations={}), PERSON_NEEDED, id="or no relation is named"
    ),
    pytest.param(snapshot(finding(), relation=DOWN), PERSON_NEEDED, id="a broken relation"),
    pytest.param(snapshot(finding(), relation=UNWORDED), PERSON_NEEDED, id="one in words nobody knows"),
    pytest.param(snapshot(finding(), relation=None), OK, id="one that could not be read says nothing"),
    pytest.param(snapshot(finding(Verdict.SELF, presented=None, endpoint=None)), OK, id="a pin of oneself"),
    pytest.param(snapshot(finding(Verdict.UNPROVEN, presented=None)), FAILED, id="an endpoint that does not answer"),
    pytest.param(
        snapshot(finding(Verdict.STALE), finding(presented=None)), FAILED, id="which outweighs a person's need"
    ),
    pytest.param(
        snapshot(finding(presented=None), finding(evidence=CONTRADICTED)), REFUSED, id="an interception outweighs all"
    ),
]


@pytest.mark.parametrize(("seen", "code"), CODES)
def test_a_look_in_one_number(seen: Snapshot, code: int) -> None:
    """Each row: what was seen, and `check`'s exit code."""
    assert exit_code(seen) == code


@pytest.mark.parametrize(
    ("now", "is_new"),
    [
        pytest.param(snapshot(finding(), observed_at="2026-03-05T00:00:00Z"), False, id="another time"),
        pytest.param(snapshot(finding(reasons=("other words",))), False, id="other words for the same"),
        pytest.param(snapshot(finding(presented=certificate("alpha-1"))), True, id="another certificate"),
        pytest.param(snapshot(finding(presented=None)), True, id="no answer"),
        pytest.param(snapshot(finding(Verdict.STALE)), True, id="another verdict"),
        pytest.param(snapshot(finding(evidence=CONTRADICTED)), True, id="another grade"),
        pytest.param(snapshot(), True, id="a pin that is gone"),
        pytest.param(snapshot(finding(), relation=DOWN), True, id="a broken relation"),
        pytest.param(snapshot(finding(), problems=("a problem",)), True, id="a problem"),
    ],
)
def test_a_quiet_site_adds_nothing_to_the_ledger(now: Snapshot, is_new: bool) -> None:
    """Only what a picture of the site shows is news; the first look is."""
    assert says_something_new(now, snapshot(finding())) is is_new
    assert says_something_new(now, None)


async def test_a_look_is_read_only_and_leaves_nothing(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target gets a read-only connection, with the identities that people accepted; it is closed in the end."""
    site = await scene()
    case = await site.ledger.open_case("campus", cause="x", actor="person:ann")
    new = {"site": "campus", "node": "hub", "kind": "host key", "fingerprint": "SHA256:new"}
    await site.ledger.accept_identity(**new, actor="person:ann", reason="x", case=case.id)
    target, got, closed = site.engine.target(site.site), [], []
    connect = target.connect

    @asynccontextmanager
    async def connecting(its: Any, services: Services) -> AsyncIterator[Connection]:
        got.append(services)
        async with connect(its, services) as connection:
            yield connection
        closed.append(its)

    monkeypatch.setattr(target, "connect", connecting)
    before = (await site.ledger.head()).seq
    seen = await look(site.engine, site.site, site.ledger, pages=False)
    assert [f.pin.edge for f in seen.findings] == ["hub:alpha_1", "hub:beta_1"]
    assert [(s.read_only, s.identities) for s in got] == [(True, {("hub", "host key"): ("SHA256:new",)})]
    assert closed == [site.site]
    assert (await site.ledger.head()).seq == before


async def test_what_the_ledger_knows_goes_into_the_look(scene: Any) -> None:
    """Baselines, deletes of the open case, sightings as they were given, and what was dismissed."""
    site = await scene()
    await site.broken()
    await site.ledger.sight(sighting(site="campus"))
    given = await site.ledger.sightings("campus")
    known = await known_of(site.engine, site.site, site.ledger, given)
    assert set(known.baselines) == {"hub:alpha_1", "hub:beta_1"}
    assert (known.sightings, known.dismissed, known.many_sites) == (tuple(given), (), False)
    await site.ledger.dismiss(given[0].id, actor="person:ann", reason="a test")
    known = await known_of(site.engine, site.site, site.ledger, ())
    assert (known.sightings, [s.dismissed_by for s in known.dismissed]) == ((), ["person:ann"])
    site.engine.inventory.sites["lab"] = site.site
    assert (await known_of(site.engine, site.site, site.ledger, ())).many_sites
