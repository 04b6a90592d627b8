"""A person does the work at the pages; only what is observed counts."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from retrust.errors import PersonNeeded, TemporaryError
from retrust.models import Relation
from retrust_plugins.cisco_prime.browser import HaRequest, IseRequest
from retrust_plugins.cisco_prime.operator import Operator

HA = HaRequest("10.0.0.12", SecretStr("hush-hush"), ("noc@example.com",), virtual_ipv4="10.0.0.10")
ISE = IseRequest("10.0.0.21", "admin", SecretStr("hush-ise"))


class Appliance:
    """What the pages would show, one look after the other; the last stays."""

    def __init__(self, *looks: Relation | TemporaryError | None) -> None:
        self.looks = list(looks)
        self.count = 0

    async def observe(self) -> Relation | None:
        self.count += 1
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, TemporaryError):
            raise look
        return look


ABSENT = Relation(status="HA Not Configured", healthy=False)
HEALTHY = Relation(status="Primary Active", healthy=True)


async def test_it_waits_until_the_effect_is_seen():
    """The work is done when the relation is healthy, through failing and unhealthy looks."""
    appliance = Appliance(ABSENT, TemporaryError("restarting"), None, HEALTHY)
    told: list[str] = []
    operator = Operator(tell=told.append, observe=appliance.observe, expiry=10, poll=0)
    outcome = await operator.register_ha(HA)
    assert outcome.mode == HEALTHY
    assert appliance.count == 4


async def test_an_expiry_is_no_success():
    """Where nothing healthy is seen in time, the error says what was seen instead."""
    operator = Operator(tell=lambda _: None, observe=Appliance(ABSENT).observe, expiry=0.05, poll=0.01)
    with pytest.raises(PersonNeeded, match="last seen: 'HA Not Configured'"):
        await operator.register_ha(HA)


async def test_the_person_is_told_references_and_no_secret():
    """The plan's own lines are told, with secrets as references; without them secrets are only named."""
    for sends in (("Authentication Key: env:PI_HA_KEY", "Register"), ()):
        told: list[str] = []
        operator = Operator(tell=told.append, observe=Appliance(HEALTHY).observe, sends=sends)
        await operator.register_ha(HA)
        await operator.add_ise(ISE)
        text = "\n".join(told)
        assert all(line in text for line in sends)
        assert "hush" not in text
    assert "IPV4 Virtual IP: 10.0.0.10" in text
    assert "IP address: 10.0.0.21" in text


async def test_the_lease_is_checked_before_the_person_starts():
    """What ``before_send`` raises stops the work before anything is told."""
    told: list[str] = []

    async def lost() -> None:
        raise TemporaryError("the lease is gone")

    with pytest.raises(TemporaryError, match="lease"):
        await Operator(tell=told.append, observe=Appliance(HEALTHY).observe).add_ise(ISE, before_send=lost)
    assert told == []
