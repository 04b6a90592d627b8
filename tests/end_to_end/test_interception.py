"""A mismatch is what a renewal looks like, and what an interception looks like: the second is never healed."""

from __future__ import annotations

import pytest

from kit.campus import quick_lab
from retrust.errors import Refused
from retrust.models import Grade, Verdict

STANDARD = {"delete-pin": [{"gate": "standard"}], "interrupting": [{"gate": "standard"}]}
POLICIES = {"default": {}, "standard": STANDARD, "nobody": {"delete-pin": [], "interrupting": []}}


def policy_of(name):
    def change(site):
        site["policy"] = POLICIES[name]

    return change


async def intercepted(site, *, vantage=False):
    """A stranger between primary and secondary, and the log line that it causes."""
    stranger = site.lab.intercept(("primary", "secondary"), vantage=vantage)
    await site.broken()
    await site.sight("primary")
    return stranger


@pytest.mark.parametrize("verified", [True, False], ids=["verified before", "never verified"])
@pytest.mark.parametrize(
    ("holder", "peer", "vantage"),
    [
        (True, True, False),
        (True, True, True),
        (True, False, False),
        (False, True, True),
    ],
    ids=["both ends", "both ends and this machine", "holder's end", "peer's end and this machine"],
)
async def test_refused_where_an_end_is_seen(start, holder, peer, vantage, verified):
    """An interceptor and a log line like a renewal's: refused with exit 4 and an alarm, nothing is written."""
    site = await start(change=policy_of("nobody"))
    site.lab.primary.settings.session.channels, site.lab.secondary.settings.session.channels = holder, peer
    if verified:
        await site.settle_in()
    await intercepted(site, vantage=vantage)
    with pytest.raises(Refused, match="looks like an interception") as refused:
        await site.heal(accept_unproven=True)
    assert refused.value.exit_code == 4
    assert site.writes == 0
    assert [alarm.what for alarm in await site.ledger.alarms()] == ["refused"]
    assert [case.state for case in await site.ledger.cases()] == ["refused"]


@pytest.mark.parametrize("verified", [True, False], ids=["verified before", "never verified"])
async def test_a_line_of_an_unknown_time_accuses_nobody(start, verified):
    """It is looked into: nothing is wrong, nothing is written, no alarm is raised, and the story says of what time."""
    site = await start()
    if verified:
        await site.settle_in()
    await site.sight("primary", at=None)
    ended = await site.heal()
    assert site.writes == 0
    assert not await site.ledger.alarms()
    reasons = [r for f in ended.snapshot.findings for r in f.reasons]
    assert any("at an unknown time" in reason for reason in reasons)
    assert {f.verdict for f in ended.snapshot.findings} <= {Verdict.FRESH, Verdict.UNPROVEN, Verdict.SELF}


@pytest.mark.parametrize("policy", POLICIES)
async def test_no_policy_lets_it_pass(start, policy):
    """Whatever the policy says, nobody asked included, contradicted evidence is refused and nothing is written."""
    site = await start(change=policy_of(policy))
    await intercepted(site)
    with pytest.raises(Refused):
        await site.heal(accept_unproven=True)
    assert site.writes == 0


@pytest.mark.parametrize("way", ["channels refused", "tunnels: never"])
@pytest.mark.parametrize("vantage", [True, False], ids=["this machine sees it", "this machine does not"])
async def test_unseen_path_is_never_better_than_supported(start, way, vantage):
    """Where neither end can be seen, no grade says proven, security is asked, and the plan says what was not seen."""
    site = await start()
    if way == "channels refused":
        for node in site.lab.primes:
            node.settings.session.channels = False
    else:
        site.reload(lambda it: it.update(trust={"tunnels": "never"}))
    await intercepted(site, vantage=vantage)
    ended = await site.run()
    assert ended.outcome == "waiting"
    assert ended.plan.grade.rank <= Grade.SUPPORTED.rank
    assert "security" in {gate.gate for gate in ended.gates}
    assert any("the path is unseen" in text and "primary" in text for text in ended.plan.unseen)
    assert site.writes == 0


async def test_seen_path_is_not_called_unseen(site):
    """Negative control: with both ends seen, a renewal is proven, and only the blind first use is left to say."""
    await site.break_trust("secondary")
    ended = await site.run()
    assert ended.plan.grade is Grade.PROVEN
    (risk,) = ended.plan.unseen
    assert risk.startswith("the first use is blind: after the delete primary will pin")


async def test_log_line_against_our_own_eyes(start):
    """The log says the certificate changed and we still see the verified one, with both ends hidden: refused."""
    site = await start()
    await site.settle_in()
    for node in site.lab.primes:
        node.settings.session.channels = False
    await intercepted(site)
    with pytest.raises(Refused, match="the holder sees another certificate than we do"):
        await site.heal(accept_unproven=True)
    assert site.writes == 0


async def test_between_approval_and_delete(site):
    """An interceptor that appears once the plan is approved: refused, and no delete was sent."""
    await site.break_trust("secondary")

    def appear(part):
        if part == "delete":
            site.lab.intercept(("primary", "secondary"))

    with pytest.raises(Refused, match="approved was"):
        await site.heal(before=appear)
    assert site.writes == 0
    assert (await site.ledger.cases())[0].state == "refused"


async def test_between_delete_and_first_use(site):
    """An interceptor that appears right after the first delete: the alarm, no further delete, no registration."""
    await site.break_trust("primary", "secondary")
    site.lab.on("delete", lambda node, key: site.lab.intercept(("primary", "secondary")))
    with pytest.raises(Refused, match="approved was"):
        await site.heal()
    assert site.deletes() == {"primary": 1, "secondary": 0}
    assert site.lab.primary.ha.registrations == 0
    assert [alarm.what for alarm in await site.ledger.alarms()] == ["refused"]
    assert (await site.ledger.cases())[0].state == "refused"


async def test_at_the_registration(site):
    """An interceptor that appears after the deletes and before the registration: HA is not registered."""
    await site.break_trust("secondary")

    def appear(part):
        if part == "re-register-ha":
            site.lab.intercept(("primary", "secondary"))

    with pytest.raises(Refused, match="approved was"):
        await site.heal(before=appear)
    assert site.lab.primary.ha.registrations == 0


async def test_at_the_end(site):
    """An interceptor that appears when all is done, before it is verified: refused, and never a baseline."""
    await site.break_trust("secondary")
    strangers = []

    def appear(part):
        if part == "verify":
            strangers.append(site.lab.intercept(("primary", "secondary"), vantage=True).fingerprint)

    with pytest.raises(Refused):
        await site.heal(before=appear)
    assert strangers
    assert not {b.fingerprint for b in (await site.ledger.baselines("campus")).values()} & set(strangers)


async def test_flapping_peer(site):
    """A peer that presents two certificates in turn is contradicted: refused, with the reason."""
    await site.break_trust("secondary")
    site.lab.secondary.flap()
    with pytest.raises(Refused, match="flaps"):
        await site.heal(accept_unproven=True)
    assert site.writes == 0


async def test_after_the_interceptor_is_gone(site):
    """A refused case is over; when the path is clean again the renewal behind it is healed, in a case of its own."""
    await site.break_trust("secondary")
    site.lab.intercept(("primary", "secondary"))
    with pytest.raises(Refused):
        await site.heal()
    site.lab.clear_intercept()
    assert (await site.heal()).outcome == "healed"
    assert [case.state for case in await site.ledger.cases()] == ["healed", "refused"]


# Which pins --------------------------------------------------------------------------------------


async def test_one_subject_two_pins(start):
    """Two servers of one subject, one renewed: that pin alone is planned, and the plan says why."""
    settings = quick_lab()
    settings.primary.subject = settings.secondary.subject = "CN=prime,O=Cisco Systems,C=US"
    site = await start(settings)
    await site.settle_in()
    await site.break_trust("secondary")
    await site.sight("primary", dn="CN=prime, O=Cisco Systems, C=US")
    ended = await site.run()
    assert [(s.holder, s.argument) for s in ended.plan.steps if s.kind == "delete-pin"] == [
        ("primary", site.lab.secondary.key)
    ]
    stale = [f for f in ended.snapshot.findings if f.verdict is Verdict.STALE]
    assert [f.pin.edge for f in stale] == [site.edge("primary")]
    assert any("another certificate than the one last verified" in reason for reason in stale[0].reasons)


async def test_baseline_needs_no_log_line(site):
    """A baseline proves staleness without any sighting."""
    await site.break_trust("secondary")
    ended = await site.run()
    assert await site.ledger.sightings("campus") == []
    assert [s.kind for s in ended.plan.steps] == ["delete-pin", "register-ha"]
