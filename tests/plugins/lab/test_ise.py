"""ISE servers: the poll, adding, and what a renewal does to them."""

from __future__ import annotations

import pytest

from retrust_plugins.lab import IseSettings, LabSettings
from retrust_plugins.lab.ise import IseEntry, IseRefused
from retrust_plugins.lab.settings import IseServersSettings


def _entry(lab, number: int = 0, **changes) -> IseEntry:
    ise = lab.ise[number]
    given = {"address": ise.host, "port": ise.port, "username": ise.username, "password": ise.password}
    return IseEntry(**given | changes)


def _statuses(lab) -> list[str]:
    return [entry.status for entry in lab.primary.ise_servers.entries]


async def test_renewed_ise_stays_unreachable_until_it_is_added_again(lab):
    """Trust restored is not enough: the entry must be added again, as the procedure says."""
    ise, servers = lab.ise[0], lab.primary.ise_servers
    key = f"{ise.host}_{ise.port}"
    await ise.renew()
    await lab.until(lambda: _statuses(lab) == ["Unreachable"], "rejected")
    with pytest.raises(IseRefused, match="TOFU failed"):
        await servers.add(_entry(lab))
    await lab.primary.tofu.delete(key)
    await lab.until(lambda: key in lab.primary.tofu.pins, "pinned anew by the poll")
    polls = ise.logins
    await lab.until(lambda: ise.logins > polls + 1, "polled")
    assert _statuses(lab) == ["Unreachable"]
    await servers.add(_entry(lab))
    await lab.until(lambda: _statuses(lab) == ["Reachable"], "reachable")


async def test_ise_may_recover_by_itself(start):
    """With `recovers` the next poll after the delete makes it reachable."""
    lab = await start(ise_servers=IseServersSettings(recovers=True))
    await lab.ise[0].renew()
    await lab.until(lambda: _statuses(lab) == ["Unreachable"], "rejected")
    await lab.primary.tofu.delete(f"{lab.ise[0].host}_{lab.ise[0].port}")
    await lab.until(lambda: lab.healthy, "healthy")


async def test_wrong_password_is_refused(start):
    """An entry with a wrong password is not added, and ISE counts the failed login."""
    lab = await start(start="fresh")
    with pytest.raises(IseRefused, match="credentials"):
        await lab.primary.ise_servers.add(_entry(lab, password="wrong"))
    assert lab.primary.ise_servers.entries == []
    assert lab.ise[0].failed_logins == 1


async def test_status_lags_until_the_next_poll(start):
    """An entry just added is neither reachable nor unreachable."""
    lab = await start(start="fresh")
    await lab.primary.ise_servers.stop()
    await lab.primary.ise_servers.add(_entry(lab))
    assert _statuses(lab) == ["Unknown"]
    await lab.primary.ise_servers.poll()
    assert _statuses(lab) == ["Reachable"]


@pytest.mark.parametrize(("setting", "left"), [("replace", 1), ("allow", 2), ("error", None)])
async def test_adding_an_address_that_exists(start, setting, left):
    """It replaces the entry, stands beside it, or is refused, as the settings say."""
    lab = await start(ise_servers=IseServersSettings(existing=setting))
    if left is None:
        with pytest.raises(IseRefused, match="already exists"):
            await lab.primary.ise_servers.add(_entry(lab))
        left = 1
    else:
        await lab.primary.ise_servers.add(_entry(lab))
    assert len(lab.primary.ise_servers.entries) == left


async def test_several_ise_servers(start):
    """A renewal of one leaves the others reachable; `ise` names the first."""
    lab = await start(LabSettings(web=False, ise=(IseSettings(), IseSettings(hostname="ISE-two"))))
    assert lab.node("ise") is lab.ise[0]
    await lab.node("ise-2").renew()
    await lab.until(lambda: _statuses(lab) == ["Reachable", "Unreachable"], "one of two")
    assert "CN=ISE-two" in lab.primary.log_text("ncs")
    assert "CN=ISE-server" not in lab.primary.log_text("ncs")
