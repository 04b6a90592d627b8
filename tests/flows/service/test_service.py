"""The service over the lab: from an appended log line to a healed site, through restarts, expiry and maintenance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.campus import Campus
from retrust.approval.decisions import Speaker, approve, look_again

ALICE = Speaker("person:alice", at_terminal=True)


def follows(site: Campus) -> list[dict[str, Any]]:
    """The inventory's source: the primary's own health monitor log, where it writes it."""
    return [
        {
            "source": "file",
            "paths": [str(site.lab.primary.log.path("hm"))],
            "site": "campus",
            "holder": "primary",
            "poll": 0.1,
        }
    ]


async def test_an_appended_log_line_ends_in_a_waiting_case_with_a_plan(site: Campus, serving: Any) -> None:
    """The appliance writes its failure; the case waits with a plan, and nothing was changed."""
    async with serving(site, sources=follows(site)) as now:
        await site.break_trust("secondary")
        case = await now.case("waiting")
        assert (case.digest is not None, case.requested_by, site.writes) == (True, "service", 0)
        assert case.cause == "log: hm-0-0.log"


async def test_a_decision_heals_after_everything_was_restarted(site: Campus, serving: Any) -> None:
    """The case waits through a restart; a yes given while nothing ran is found, and the site is healed."""
    async with serving(site, sources=follows(site)) as now:
        await site.break_trust("secondary")
        waiting = await now.case("waiting")
    await approve(site.engine, site.ledger, waiting.id, ALICE, reason="renewed this morning")
    async with serving(site) as now:
        healed = await now.case("healed")
        assert (healed.id, site.deletes()) == (waiting.id, {"primary": 1, "secondary": 0})


async def test_a_decision_of_another_process_is_found_by_polling(site: Campus, serving: Any) -> None:
    """An entry that this process did not write starts the pass that it makes due."""
    async with serving(site, sources=follows(site)) as now:
        await site.break_trust("secondary")
        waiting = await now.case("waiting")
        assert site.ledger is not now.ledger
        await approve(site.engine, site.ledger, waiting.id, ALICE, reason="renewed this morning")
        await now.case("healed")


async def test_a_person_asks_for_a_look(site: Campus, serving: Any) -> None:
    """Without any sighting a pass looks at the site; the case that it opens was caused by who asked."""
    async with serving(site) as now:
        await site.break_trust("secondary")
        await look_again(site.engine, now.ledger, "campus", ALICE, source="a test")
        case = await now.case("waiting")
        assert (case.requested_by, case.cause) == ("person:alice", "asked for by alice")


async def test_a_waiting_case_costs_no_connection_and_no_pass(site: Campus, serving: Any) -> None:
    """While nobody decides, repeated lines are counted, and no further pass logs in anywhere."""
    async with serving(site, sources=follows(site)) as now:
        await site.break_trust("secondary")
        await now.case("waiting")
        logins, passes = site.lab.primary.logins, len(now.launched.orders)
        sighted = await now.ledger.sightings("campus")
        before = sum(s.count for s in sighted)
        for _ in range(3):
            await site.sight(source="again.log", dn=sighted[0].dn)

        async def counted() -> bool:
            return sum(s.count for s in await now.ledger.sightings("campus")) >= before + 3

        await now.until(counted, "the repetitions are counted")
        assert (site.lab.primary.logins, len(now.launched.orders)) == (logins, passes)


async def test_a_third_fingerprint_asks_for_a_new_decision(site: Campus, serving: Any) -> None:
    """What was approved is not what is there any more: the yes is worth nothing, and nothing is written."""
    async with serving(site, sources=follows(site)) as now:
        await site.break_trust("secondary")
        first = await now.case("waiting")
        third = await site.lab.secondary.renew()
        await site.ledger.sight(_renewed(site, third.fingerprint))

        async def another() -> Any:
            case = await now.ledger.case(first.id)
            return case if case.digest != first.digest and case.state == "waiting" else None

        second = await now.until(another, "a plan for the third certificate")
        with pytest.raises(Exception, match="digest"):
            await approve(site.engine, site.ledger, second.id, ALICE, reason="yes", digest=first.digest)
        assert site.writes == 0


async def test_a_site_in_maintenance_keeps_and_starts_nothing(site: Campus, serving: Any) -> None:
    """Its sightings are kept for later; no case is opened, no pass runs; when it is over they are taken up."""
    site.reload(lambda campus: campus.update(maintenance=True))
    async with serving(site, sources=follows(site)) as now:
        await site.break_trust("secondary")
        await now.until(lambda: now.ledger.sightings("campus"), "the sighting is kept")
        await now.service.dispatcher.step()
        assert (await now.ledger.cases(), now.launched.orders) == ([], [])
    site.reload(lambda campus: campus.update(maintenance=False))
    async with serving(site) as now:
        await now.case("waiting")


async def test_an_undecided_case_expires(site: Campus, serving: Any) -> None:
    """When the time to decide is over the case ends as expired, by the clock and not by somebody's look."""
    clock = Clock()
    async with serving(site, sources=follows(site), clock=clock) as now:
        await site.break_trust("secondary")
        case = await now.case("waiting")
        clock.ahead = timedelta(hours=73)
        expired = await now.case("expired")
        assert (expired.id, site.writes) == (case.id, 0)


async def test_people_are_reminded_once_before_a_case_ends(site: Campus, serving: Any) -> None:
    """`clocks.reminder` before the end, once; whoever has just been asked is left in peace."""
    clock = Clock()
    async with serving(site, sources=follows(site), clock=clock) as now:
        await site.break_trust("secondary")
        case = await now.case("waiting")
        await now.until(lambda: now.ledger.is_free("campus"), "the pass is over")
        for hours, expected in ((1, 0), (65, 1), (66, 1), (70, 1)):
            clock.ahead = timedelta(hours=hours)
            await now.service.dispatcher.step()
            assert len(await now.ledger.entries(case=case.id, kinds=["reminded"])) == expected
        assert (await site.ledger.case(case.id)).state == "waiting"


async def test_a_pass_that_died_is_taken_up(site: Campus, serving: Any) -> None:
    """A case left open by a process that is gone goes on when the service starts."""
    await site.break_trust("secondary")
    await site.sight()
    await site.ledger.open_case("campus", cause="a test", actor="service")
    async with serving(site) as now:
        await now.case("waiting")


async def test_a_node_that_cannot_be_reached_is_tried_again(site: Campus, serving: Any) -> None:
    """The case fails, and a later pass takes it up by itself once the node is back."""
    clock = Clock()
    async with serving(site, sources=follows(site), clock=clock) as now:
        await site.break_trust("secondary")
        await site.lab.secondary.ssh.close()
        await now.case("failed")
        await site.lab.secondary.ssh.open()
        clock.ahead = timedelta(minutes=2)
        await now.case("waiting")


async def test_a_refused_password_is_not_tried_again(site: Campus, serving: Any) -> None:
    """It would lock the account: neither time nor further sightings start another pass."""
    clock = Clock()
    site.lab.secondary.settings.session.refuse_password = True
    async with serving(site, sources=follows(site), clock=clock) as now:
        await site.break_trust("secondary")
        await now.case("failed")
        clock.ahead = timedelta(hours=5)
        await site.sight(dn="CN=prime-sec")
        await now.service.dispatcher.step()
        assert (len(now.launched.orders), site.lab.secondary.failed_logins) == (1, 1)


async def test_the_door_tells_health_readiness_and_metrics(site: Campus, serving: Any) -> None:
    """Three addresses say how the service is: alive, ready with each source, and in figures."""
    async with serving(site, sources=follows(site)) as now:
        await site.break_trust("secondary")
        await now.case("waiting")
        assert (await now.http.get("/healthz")).json() == {"ok": True}
        ready = (await now.http.get("/readyz")).json()
        assert (ready["ready"], ready["open_cases"], ready["sources"]["file[0]"]["up"]) == (True, 1, True)
        figures = (await now.http.get("/metrics")).text
        assert 'retrust_cases{state="waiting"} 1.0' in figures
        assert 'retrust_source_up{source="file[0]"} 1.0' in figures
        assert 'retrust_sightings_total{kind="log"}' in figures


class Clock:
    """The time, and how far it is moved ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def _renewed(site: Campus, fingerprint: str) -> Any:
    from retrust.models import Endpoint, Sighting

    now = datetime.now(UTC)
    endpoint = Endpoint(host=site.lab.secondary.host, port=site.lab.secondary.health_port)
    return Sighting(
        id="renewed",
        kind="renewed",
        site="campus",
        endpoint=endpoint,
        fingerprint=fingerprint,
        at=now,
        received_at=now,
        source="webhook",
        actor="webhook:hooks",
        level="authenticated",
    )
