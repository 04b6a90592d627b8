"""Check Readiness, registration, and modes."""

from __future__ import annotations

import pytest

from retrust_plugins.lab import LabSettings
from retrust_plugins.lab.ha import READINESS, Registration, RegistrationFailed
from retrust_plugins.lab.settings import MILESTONES, HaSettings

BROKEN = "HA Not Configured"


def _settings(**ha) -> LabSettings:
    return LabSettings(web=False, start="fresh", ha=HaSettings(readiness_time=0, registration_time=0.06, **ha))


def _form(lab, **changes) -> Registration:
    return Registration(**{"secondary": lab.secondary.host, "authentication_key": lab.authentication_key} | changes)


async def _done(lab) -> None:
    await lab.until(lambda: not lab.primary.ha.registering, "the registration ends")


async def test_fresh_pair_registers(start):
    """Every milestone goes to 100 %, the nodes pin each other, and the modes are those of a healthy pair."""
    lab = await start(_settings())
    assert list(lab.primary.tofu.pins) == [lab.primary.key]
    lab.primary.ha.register(_form(lab))
    assert lab.primary.ha.mode in (BROKEN, "HA Initializing")
    await lab.until(lambda: lab.primary.ha.mode == "HA Initializing", "initializing")
    await _done(lab)
    assert lab.primary.ha.progress == dict.fromkeys(MILESTONES, 100)
    assert (lab.primary.ha.mode, lab.secondary.ha.mode) == ("Primary Active", "Secondary Syncing")
    assert lab.secondary.key in lab.primary.tofu.pins
    assert lab.primary.key in lab.secondary.tofu.pins
    assert lab.primary.ha.registrations == 1


async def test_registration_copies_the_database(start):
    """What the secondary held is gone afterwards."""
    lab = await start(_settings())
    lab.secondary.database.append("written in a failover")
    lab.primary.ha.register(_form(lab))
    await _done(lab)
    assert lab.secondary.database == lab.primary.database == ["prime-pri was installed"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"authentication_key": "wrong"}, "authentication key"),
        ({"secondary": "127.0.0.250"}, "unreachable"),
    ],
)
async def test_registration_needs_address_and_key(start, change, says):
    """A wrong key or address fails the first milestone and leaves HA not configured."""
    lab = await start(_settings())
    lab.primary.ha.register(_form(lab, **change))
    await _done(lab)
    assert lab.primary.ha.mode == BROKEN
    assert says in (lab.primary.ha.error or "") or "no route" in (lab.primary.ha.error or "")
    assert lab.primary.ha.progress[MILESTONES[1]] == 0


@pytest.mark.parametrize("renewed", ["primary", "secondary"])
async def test_registration_needs_trust_in_both_directions(start, renewed):
    """A stale pin on either side fails the registration; without it, it succeeds."""
    lab = await start(LabSettings(web=False, ha=HaSettings(registration_time=0.06, readiness_time=0)))
    node = lab.node(renewed)
    await node.renew()
    await lab.until(lambda: lab.primary.ha.mode == BROKEN, "HA is lost")
    assert not _passed(await lab.primary.ha.check_readiness(lab.secondary.host))["HEALTH MONITOR STATUS"]
    lab.primary.ha.register(_form(lab))
    await _done(lab)
    assert "TOFU failed" in lab.primary.ha.error
    holder = lab.primary if renewed == "secondary" else lab.secondary
    await holder.tofu.delete(node.key)
    assert all(_passed(await lab.primary.ha.check_readiness(lab.secondary.host)).values())
    lab.primary.ha.register(_form(lab))
    await _done(lab)
    assert lab.primary.ha.mode == "Primary Active"
    assert lab.primary.ha.registrations == 2


def _passed(checks) -> dict[str, bool]:
    return {check.name: check.passed for check in checks}


async def test_readiness_rows(start):
    """All rows are there; those of the settings fail, and a secondary that is off fails two."""
    lab = await start(_settings(failing_checks=("DISK IOPS",)))
    checks = await lab.primary.ha.check_readiness(lab.secondary.host)
    assert tuple(_passed(checks)) == READINESS
    assert [c.name for c in checks if not c.passed] == ["DISK IOPS"]
    await lab.secondary.power_off()
    checks = await lab.primary.ha.check_readiness(lab.secondary.host)
    assert [c.name for c in checks if not c.passed] == [
        "DISK IOPS",
        "SERVER PING REACHABILITY",
        "HEALTH MONITOR STATUS",
    ]


@pytest.mark.parametrize("milestone", MILESTONES)
async def test_registration_fails_at_each_milestone(start, milestone):
    """It stops there with the error of the settings, and the next attempt may succeed."""
    lab = await start(_settings(fails_at=milestone, error="Oracle is unhappy."))
    lab.primary.ha.register(_form(lab))
    await _done(lab)
    assert (lab.primary.ha.mode, lab.primary.ha.error) == (BROKEN, "Oracle is unhappy.")
    assert [m for m in MILESTONES if lab.primary.ha.progress[m] == 100] == list(
        MILESTONES[: MILESTONES.index(milestone)]
    )
    lab.settings.ha.fails_at = None
    lab.primary.ha.register(_form(lab))
    await _done(lab)
    assert lab.primary.ha.mode == "Primary Active"


@pytest.mark.parametrize("milestone", MILESTONES)
async def test_registration_stuck_at_each_milestone(start, milestone):
    """It stays initializing there, and a second registration is refused meanwhile."""
    lab = await start(_settings(stuck_at=milestone))
    lab.primary.ha.register(_form(lab))
    await lab.until(lambda: lab.primary.ha.progress[milestone] == 50, "half-way")
    assert lab.primary.ha.mode == "HA Initializing"
    with pytest.raises(RegistrationFailed, match="in progress"):
        lab.primary.ha.register(_form(lab))
    assert lab.primary.ha.registrations == 1


async def test_forced_mode(start):
    """Any mode can be held, an unlisted one too; registering is refused from it; released, facts count again."""
    lab = await start()
    lab.primary.ha.force("Primary Dancing")
    await lab.secondary.renew()
    await lab.until(lambda: "TOFU failed" in lab.primary.log_text(), "a mismatch")
    assert lab.primary.ha.mode == "Primary Dancing"
    with pytest.raises(RegistrationFailed, match="Primary Dancing"):
        lab.primary.ha.register(_form(lab))
    assert lab.primary.ha.registrations == 0
    lab.primary.ha.force(None)
    await lab.until(lambda: lab.primary.ha.mode == BROKEN, "the mismatch counts")


async def test_replication_is_taken_from_a_registered_primary_only(start):
    """Nobody can overwrite the secondary's database without having agreed on the key."""
    lab = await start(_settings())
    async with lab.primary.tofu.connect(lab.secondary.host, lab.secondary.health_port) as conversation:
        status, _ = await conversation.ask("POST", "/hm/replicate", {"database": ["stolen"]})
    assert status == 403
    assert lab.secondary.database == ["prime-sec was installed"]
