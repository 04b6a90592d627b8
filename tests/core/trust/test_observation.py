"""One look at a site: what is asked of whom, and what a snapshot says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.model import Model, World, certificate
from retrust.errors import PermanentError, RetrustError, TemporaryError
from retrust.evidence import Collector, Edge, Eyes
from retrust.inventory import Site
from retrust.ledger import Sighted
from retrust.models import (
    Answers,
    Baseline,
    Collected,
    Endpoint,
    Finding,
    Grade,
    Pin,
    Presented,
    Sighting,
    Snapshot,
    Unpinned,
    Verdict,
)
from retrust.target import Place
from retrust.trust.observation import PROBES_AT_ONCE, Known, probe_places, take_snapshot

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EDGE = "hub:alpha_1"


def a_line(of: type[Sighting] = Sighting, **said: Any) -> Any:
    """A log line of this site that names alpha."""
    line = {"id": "s1", "kind": "log", "site": "campus", "dn": "CN=alpha", "at": NOW, "received_at": NOW}
    line |= {"source": "hm-0-0.log", "actor": "person:ann", "level": "authenticated"}
    return of.model_validate(line | said)


def verified(at: datetime = NOW) -> Baseline:
    seen = certificate("alpha-0")
    return Baseline(
        site="campus",
        holder="hub",
        key="alpha_1",
        fingerprint=seen.fingerprint,
        key_fingerprint=seen.key_fingerprint,
        subject=seen.subject,
        verified_at=at,
        grade=Grade.PROVEN,
    )


async def look(
    known: Known | None = None, *, world: World | None = None, target: Any = None, collectors: Any = ()
) -> Any:
    site = Site(name="campus", target="model")
    of = target or Model(world or World())
    async with of.connect(site, None) as connection:
        return await take_snapshot(of, site, connection, known or Known(), collectors, pages=True)


def of(snapshot: Snapshot, edge: str = EDGE) -> Finding:
    return next(f for f in snapshot.findings if f.pin.edge == edge)


async def test_a_snapshot_has_every_pin_in_listed_order() -> None:
    """Each with what its endpoint presents, and with the relation that depends on it."""
    seen = await look()
    assert [(f.pin.edge, f.relation) for f in seen.findings] == [(EDGE, "alpha"), ("hub:beta_1", "beta")]
    assert [f.presented for f in seen.findings] == [certificate("alpha-0"), certificate("beta-0")]
    assert (seen.site, seen.target, set(seen.relations), seen.problems) == ("campus", "model", {"alpha", "beta"}, ())


class Silent(Model):
    """Nobody answers at alpha's endpoint."""

    def locate(self, site: Site, pin: Pin) -> Place:
        if pin.key != "alpha_1":
            return super().locate(site, pin)
        return Place("endpoint", Endpoint(host="10.0.0.1", port=1), "alpha", "alpha", prober=Scripted(error="no route"))


class Scripted:
    """Answers every look alike, and notes what it was asked."""

    def __init__(self, answer: Presented | None = None, error: str = "") -> None:
        self.answer, self.error = answer, error
        self.asked: list[Endpoint] = []
        self.limits: set[int] = set()

    async def probe_many(
        self, endpoints: Sequence[Endpoint], *, limit: int, timeout: float
    ) -> Mapping[Endpoint, Presented | RetrustError]:
        self.asked += endpoints
        self.limits.add(limit)
        return {e: self.answer or TemporaryError(self.error, where=str(e)) for e in endpoints}


async def test_an_endpoint_that_does_not_answer_is_a_problem_and_stops_nobody() -> None:
    """The problem names the error and the edges that pin it; the other pins are judged."""
    seen = await look(target=Silent(World()))
    assert seen.problems == ("10.0.0.1:1: no route [pinned by hub:alpha_1]",)
    assert of(seen).presented is None
    assert of(seen).evidence.collected == ()
    assert of(seen, "hub:beta_1").presented == certificate("beta-0")


async def test_a_holder_that_cannot_be_listed_stops_the_look() -> None:
    """Reach every holder, or nothing is said of the site."""

    class Unlisted(Model):
        @asynccontextmanager
        async def connect(self, site: Site, services: Any) -> Any:
            async def fails() -> Any:
                raise PermanentError("the listing is cut", where="hub")

            async with super().connect(site, services) as connection:
                connection.list_pins = fails  # type: ignore[method-assign]
                yield connection

    with pytest.raises(PermanentError, match="hub: the listing is cut"):
        await look(target=Unlisted(World()))


async def test_each_endpoint_is_asked_once_in_each_way() -> None:
    """However many pins are about it; a place that is looked at in another way is asked in that way, too."""
    one, two = Scripted(certificate("a")), Scripted(certificate("b"))
    shared, other = Endpoint(host="10.0.0.1", port=1), Endpoint(host="10.0.0.2", port=1)
    places: Any = [
        Place("endpoint", shared, prober=one),
        Place("endpoint", shared, peer="another pin", prober=one),
        Place("endpoint", other, prober=one),
        Place("endpoint", shared, prober=two),
        Place("unknown"),
    ]
    seen: Any = await probe_places(places)
    assert (one.asked, two.asked) == ([shared, other], [shared])
    assert one.limits == {PROBES_AT_ONCE}
    assert seen == {(one, shared): one.answer, (one, other): one.answer, (two, shared): two.answer}


# -- sightings ---------------------------------------------------------------------------------------


async def test_a_line_that_names_one_pin_alone_is_about_it() -> None:
    """It makes the pin stale where nothing was verified, and says who brought it in."""
    found = of(await look(Known(sightings=(a_line(),))))
    assert (found.verdict, found.sighted, found.said_by) == (Verdict.STALE, True, ("person:ann",))


@pytest.mark.parametrize(
    ("line", "many_sites"),
    [
        pytest.param(a_line(site=None), True, id="without a site, where there are several"),
        pytest.param(a_line(dn="CN=alp…"), False, id="with a name that was cut"),
    ],
)
async def test_a_line_that_may_be_about_another_makes_nothing_stale(line: Sighting, many_sites: bool) -> None:
    """It is told, and who brought it in; the verdict is as without it."""
    found = of(await look(Known(sightings=(line,), many_sites=many_sites)))
    assert (found.verdict, found.sighted, found.said_by) == (Verdict.UNPROVEN, True, ("person:ann",))


async def test_a_line_without_a_site_is_about_the_only_one() -> None:
    """Negative control: where there is one site, or the line names it, no other can be meant."""
    assert of(await look(Known(sightings=(a_line(site=None),)))).verdict is Verdict.STALE
    assert of(await look(Known(sightings=(a_line(),), many_sites=True))).verdict is Verdict.STALE


async def test_a_pin_is_judged_beside_the_relation_that_depends_on_it() -> None:
    """A hint is nothing by itself; beside alpha's relation, seen broken, it makes alpha's pin stale."""
    world, known = World(), Known(sightings=(a_line(level="hint"),))
    assert of(await look(known, world=world)).verdict is Verdict.UNPROVEN
    world.peers["alpha"].renewals += 1
    assert of(await look(known, world=world)).verdict is Verdict.STALE


async def test_a_line_from_before_the_last_verification_is_over() -> None:
    """It is about what was healed then, and nobody's word any more."""
    known = Known({EDGE: verified()}, (a_line(at=NOW - timedelta(hours=1)),))
    found = of(await look(known))
    assert (found.verdict, found.sighted, found.said_by) == (Verdict.FRESH, False, ())


async def test_a_line_that_no_endpoint_fits_is_told() -> None:
    """Nobody presents that name: a person should know; a line of no site, or a renewal, is not this site's."""
    lines = (a_line(dn="CN=gone"), a_line(dn="CN=gone", site=None), a_line(kind="renewed", dn="CN=gone"))
    seen = await look(Known(sightings=lines))
    assert seen.problems == ("a sighting (hm-0-0.log) names CN=gone, which no endpoint of this site presents",)


async def test_who_dismissed_a_line_has_said_something_of_its_pin() -> None:
    """They may not decide on it; the dismissed line itself changes no verdict."""
    gone = a_line(Sighted, first_at=NOW, dismissed="a test", dismissed_by="person:ben")
    found = of(await look(Known(dismissed=(gone,))))
    assert (found.verdict, found.sighted, found.said_by) == (Verdict.UNPROVEN, False, ("person:ben",))


async def test_a_pin_that_this_case_deleted_is_known_as_such() -> None:
    """It is listed again with what was approved: the target's relation shows whether it was made anew."""
    unpinned = {EDGE: Unpinned(at=NOW, fingerprint=certificate("alpha-0").fingerprint)}
    assert of(await look(Known(unpinned=unpinned))).unpinned
    assert not of(await look()).unpinned


# -- evidence ----------------------------------------------------------------------------------------


class Asked(Collector):
    """Supports whatever it is asked about, and keeps it."""

    name, answers = "asked", Answers.PEERS_OWN

    def __init__(self) -> None:
        self.edges: list[Edge] = []

    async def collect(self, edge: Edge, eyes: Eyes) -> Collected:
        self.edges.append(edge)
        return self.supported((await eyes.from_here(edge.place.endpoint)).fingerprint)


async def test_collectors_are_asked_about_each_certificate_that_is_seen() -> None:
    """With what is known of its edge, hints left out; each has eyes for that place."""
    hint, line = a_line(level="hint", id="s2"), a_line()
    asked = Asked()
    seen = await look(Known(sightings=(hint, line)), collectors=(asked,))
    assert [(e.pin.edge, e.sightings) for e in asked.edges] == [(EDGE, (line,)), ("hub:beta_1", ())]
    assert [f.evidence.grade for f in seen.findings] == [Grade.SUPPORTED] * 2
    assert of(seen).evidence.collected[0].detail == certificate("alpha-0").fingerprint


async def test_a_line_against_our_own_eyes_outweighs_the_collectors() -> None:
    """It says that the certificate changed after the verification, and we see the verified one: contradicted."""
    known = Known({EDGE: verified(NOW - timedelta(days=1))}, (a_line(),))
    found = of(await look(known, collectors=(Asked(),)))
    assert found.evidence.grade is Grade.CONTRADICTED
    assert [c.collector for c in found.evidence.collected] == ["sightings", "asked"]
