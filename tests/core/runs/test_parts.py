"""What each part of a pass does: its rules, beside the order of the parts and the steps themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kit.model import _Hub, certificate
from kit.parts import at, breaking
from retrust.approval import Attendance
from retrust.ledger.records import A_LOOK
from retrust.models import Relation, Sighting, Step
from retrust.runs.parts import detect
from retrust.states import State
from retrust.testing.ledgers import sighting

SERVICE = Attendance("service")
EDGE = "hub:alpha_1"


def a_line(**said: Any) -> Sighting:
    """A log line of now that names alpha."""
    now = datetime.now(UTC)
    return sighting(site="campus", at=now, received_at=now, dn="CN=alpha", holder=None, key=None, **said)


# -- detect, list -------------------------------------------------------------------------------------


async def test_detect_counts_what_was_seen_and_names_the_case(scene: Any) -> None:
    """Each time that a line was seen counts; a case is told with its state."""
    site = await scene()
    assert (await detect(site)).said == "0 sightings; no open case"
    await site.ledger.sight(a_line(count=1))
    assert (await detect(site)).said == "1 sighting; no open case"
    await site.ledger.sight(a_line(count=2))
    case = await site.ledger.open_case("campus", cause="x", actor="service")
    found = await detect(site)
    assert (found.said, sum(s.count for s in found.sightings)) == (f"3 sightings; case {case.id} is open", 3)


@pytest.mark.parametrize("wall", ["home", "runs"])
async def test_a_place_to_write_is_proven_before_the_site_is_reached(
    scene: Any, monkeypatch: pytest.MonkeyPatch, wall: str
) -> None:
    """A run that could keep nothing ends before any session is opened."""
    site, reached = await scene(), []
    monkeypatch.setattr(site.engine.target(site.site), "connect", lambda *_: reached.append(True))
    (site.engine.home / "runs").touch()
    if wall == "home":
        site.engine.home = site.engine.home / "runs" / "home"
    ended = await site.run()
    assert ended.outcome == "failed"
    assert "nothing can be written there" in str(ended.error)
    assert reached == []


# -- plan ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lines", "cause"), [(0, A_LOOK), (1, "log: hm-0-0.log")])
async def test_a_case_says_what_caused_it(scene: Any, lines: int, cause: str) -> None:
    """The latest sighting, or a look of ours where there was none."""
    site = await scene()
    await site.broken()
    for _ in range(lines):
        await site.ledger.sight(a_line())
    assert (await site.run(SERVICE)).case.cause == cause


async def test_contradicted_evidence_is_refused_and_kept(scene: Any) -> None:
    """The case ends as refused, with the alarm and what was seen; no plan is made of it."""
    site = await scene()
    await site.broken()
    site.world.peers["alpha"].there = "alpha-stranger"
    ended = await site.run()
    assert (ended.outcome, ended.exit_code, ended.plan) == ("refused", 4, None)
    assert ended.case.state is State.REFUSED
    kinds = [entry.kind for entry in await site.ledger.entries(case=ended.case_id)]
    assert {"alarm", "snapshot"} <= set(kinds)
    assert "plan" not in kinds


async def test_an_endpoint_that_is_silent_stops_the_plan(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pin is never guessed about: nothing is planned for the others, and it can be tried again."""
    site = await scene()
    await site.broken()
    target = site.engine.target(site.site)
    locate = target.locate

    def located(its: Any, pin: Any) -> Any:
        place = locate(its, pin)
        if pin.key != "beta_1":
            return place
        endpoint = place.endpoint.model_copy(update={"host": "127.0.0.1"})
        return type(place)("endpoint", endpoint)  # a look by TLS, at a port where nobody listens

    monkeypatch.setattr(target, "locate", located)
    ended = await site.run()
    assert (ended.outcome, ended.plan) == ("failed", None)
    assert "127.0.0.1:1" in str(ended.error)


async def test_a_begun_plan_is_continued(scene: Any) -> None:
    """A run that was cut after its first write goes on with the plan that was approved, and asks nobody again."""
    site = await scene()
    await established(site, "alpha", "beta")
    site.world.after_write = dies
    with pytest.raises(KeyboardInterrupt):
        await site.run()
    site.world.after_write = None
    digest = (await site.ledger.open_case_of("campus")).digest
    ended = await site.run(SERVICE)
    assert (ended.outcome, ended.plan.digest, ended.said) == ("healed", digest, ["done", "done"])


async def test_a_begun_plan_that_would_send_something_else_is_not_continued(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an upgrade that sends other lines the old approval is over: a new plan asks for its own decisions."""
    site = await scene()
    await established(site)
    site.world.after_write = dies
    with pytest.raises(KeyboardInterrupt):
        await site.run()
    site.world.after_write = None
    case = await site.ledger.open_case_of("campus")
    target = site.engine.target(site.site)
    steps = target.steps

    def others(*asked: Any) -> Any:
        return tuple(s.model_copy(update={"sends": ("purge everything",)}) for s in steps(*asked))

    monkeypatch.setattr(target, "steps", others)
    ended = await site.run(SERVICE)
    assert (ended.outcome, ended.case_id) == ("waiting", case.id)
    assert ended.plan.digest != case.digest


# -- the target's stages ------------------------------------------------------------------------------


async def test_a_gate_that_shuts_in_the_middle_stops_before_the_next_write(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what was sent and what was not."""
    site = await scene()
    await established(site, "alpha", "beta")

    async def closes(step: Step) -> None:
        monkeypatch.setattr(site.engine.gates["confirm"], "state", never)

    site.world.after_write = closes
    ended = await site.run()
    assert ended.outcome == "person-needed"
    assert "Sent: delete:hub:alpha_1. Not sent: delete:hub:beta_1" in str(ended.error)
    assert site.world.peers["beta"].pinned == "beta-0"


async def never(question: Any) -> Any:
    raise RuntimeError("the gate is gone")


async def test_a_secret_that_changed_since_the_approval_stops_the_write(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be filled in is not what was approved: nothing is sent."""
    monkeypatch.setenv("HA_KEY", "one")
    site = await scene()
    await established(site)
    target = site.engine.target(site.site)
    steps = target.steps

    def with_secret(*asked: Any) -> Any:
        return tuple(s.model_copy(update={"secrets": ("env:HA_KEY",)}) for s in steps(*asked))

    monkeypatch.setattr(target, "steps", with_secret)
    ended = await site.run(before=at("delete", lambda: monkeypatch.setenv("HA_KEY", "another")))
    assert ended.outcome == "drifted"
    assert "the secret env:HA_KEY is another one than was approved. Sent: nothing" in str(ended.error)
    assert site.world.peers["alpha"].pinned == "alpha-0"


# -- verify -------------------------------------------------------------------------------------------


async def test_a_delete_without_effect_fails_with_its_name(scene: Any) -> None:
    """Listed again and its relation still broken: the case stays open, and the error says which delete it was."""
    site = await scene()
    await established(site)

    async def put_back(step: Step) -> None:
        site.world.peers["alpha"].pinned = "alpha-0"

    site.world.after_write = put_back
    ended = await site.run()
    assert (ended.outcome, ended.exit_code) == ("failed", 1)
    assert "alpha is 'down' after all steps; delete:hub:alpha_1: still listed after being sent" in str(ended.error)
    assert ended.case.state is State.FAILED


async def test_a_relation_that_cannot_be_read_is_not_healed(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No word of the target is no proof."""
    site = await scene()
    await established(site)
    seen = relations_of(site, monkeypatch, {"alpha": None, "beta": Relation(status="up", healthy=True)})
    ended = await site.run(before=at("verify", lambda: seen.append(True)))
    assert ended.outcome == "failed"
    assert "alpha is not readable after all steps" in str(ended.error)


async def test_the_path_is_watched_where_the_holder_pins_by_itself(scene: Any) -> None:
    """A stranger at the holder's end once all is written: the alarm, and no baseline."""
    site = await scene()
    await established(site)
    alpha = site.world.peers["alpha"]
    ended = await site.run(before=at("verify", lambda: setattr(alpha, "there", "alpha-stranger")))
    assert ended.outcome == "refused"
    assert "to hub, approved was" in str(ended.error)
    stranger = certificate("alpha-stranger").fingerprint
    assert stranger not in {b.fingerprint for b in (await site.ledger.baselines("campus")).values()}


async def test_another_certificate_at_the_end_is_refused(scene: Any) -> None:
    """Where no path can be watched, this machine's own last look still counts; what it saw is kept."""
    site = await scene(trust={"tunnels": "never"})
    await established(site)
    alpha = site.world.peers["alpha"]
    ended = await site.run(before=at("verify", lambda: setattr(alpha, "here", "alpha-stranger")))
    assert ended.outcome == "refused"
    assert "it may be an interception" in str(ended.error)
    assert [e.body.when for e in await site.ledger.entries(case=ended.case_id, kinds=("snapshot",))][-1] == "after"


async def test_a_line_since_the_delete_fails_what_nothing_else_judges(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no relation depends on the pin, a new log line that names it keeps the case open."""
    site = await scene()
    await established(site)
    target = site.engine.target(site.site)
    steps = target.steps
    monkeypatch.setattr(
        target, "steps", lambda *asked: tuple(s.model_copy(update={"relation": None}) for s in steps(*asked))
    )

    async def logged(step: Step) -> None:
        await site.ledger.sight(a_line(source="new.log"))

    site.world.after_write = logged
    ended = await site.run()
    assert ended.outcome == "failed"
    assert f"{EDGE}: a new log line says that the certificate is another one: new.log" in str(ended.error)


async def test_what_was_approved_and_verified_is_the_baseline(scene: Any) -> None:
    """From then on the new certificate is the one to compare with."""
    site = await scene()
    await established(site)
    ended = await site.run()
    (expected,) = [step.expected[EDGE] for step in ended.plan.steps]
    assert (await site.ledger.baselines("campus"))[EDGE].fingerprint == expected


async def test_a_failed_verification_is_gone_through_again(scene: Any) -> None:
    """The next pass finds that nothing is missing, sends nothing, and heals the same case."""
    site = await scene()
    await established(site)
    case = (await site.run(before=breaking("verify"))).case_id
    ended = await site.run()
    assert (ended.outcome, ended.results) == ("healthy", ())
    assert (await site.ledger.case(case)).state is State.HEALED
    assert "nothing was missing" in (await site.ledger.entries(case=case))[-1].body.why


async def established(site: Any, *renewed: str) -> None:
    """A healthy look, and then these peers are renewed; alpha, if none is named."""
    assert (await site.run()).outcome == "healthy"
    for name in renewed or ("alpha",):
        site.world.peers[name].renewals += 1


async def dies(step: Step) -> None:
    raise KeyboardInterrupt


def relations_of(site: Any, monkeypatch: pytest.MonkeyPatch, said: Any) -> list[bool]:
    """The target says this of its relations, once something is in the list that is returned."""
    now: list[bool] = []
    relations = _Hub.relations

    async def telling(self: Any, *, pages: bool) -> Any:
        return said if now else await relations(self, pages=pages)

    monkeypatch.setattr(_Hub, "relations", telling)
    return now
