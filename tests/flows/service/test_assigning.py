"""Whose a sighting is that names no site: two sites whose servers have the same names, as vendors' examples do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.campus import Campus, campus, engine_over, one_pass
from retrust.engine.engine import Engine
from retrust.ledger import Ledger
from retrust.models import Sighting
from retrust.x509.dn import DistinguishedName
from retrust_flows.service.assigning import TOLD_A_DAY, Assigner, Names


def told(level: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": "s",
        "kind": "log",
        "role": "peer",
        "dn": "CN=prime-sec, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US",
        "at": now,
        "received_at": now,
        "source": "syslog relay",
        "actor": "service",
        "level": level,
    }


class Twins:
    """Two labs that differ in nothing but their addresses, in one inventory and one ledger."""

    def __init__(self, one: Campus, two: Campus, engine: Engine) -> None:
        self.one, self.two, self.engine = one, two, engine

    @property
    def ledger(self) -> Ledger:
        return self.one.ledger

    async def verified(self) -> None:
        """Both are healthy, and known to be."""
        for site, name in ((self.one, "campus"), (self.two, "branch")):
            await site.settle_in()
            known = (await site.ledger.baselines("campus")).values()
            await self.ledger.set_baselines([b.model_copy(update={"site": name}) for b in known], actor="service")

    async def sight(self, **more: Any) -> None:
        await self.ledger.sight(Sighting.model_validate(told("authenticated") | more))

    async def assigned(self) -> list[str | None]:
        await Assigner(self.engine, self.ledger).round()
        return [s.site for s in await self.ledger.sightings()]


@pytest.fixture
async def twins(tmp_path: Path) -> AsyncIterator[Twins]:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(campus(tmp_path / "one"))
        two = await stack.enter_async_context(campus(tmp_path / "two"))
        document = yaml.safe_load(one.inventory.read_text())
        document["sites"]["branch"] = yaml.safe_load(two.inventory.read_text())["sites"]["campus"]
        one.inventory.write_text(yaml.safe_dump(document))
        yield Twins(one, two, engine_over(one.inventory, one.home))


async def test_of_two_sites_with_the_name_the_broken_one_is_meant(twins: Twins) -> None:
    """Both know the name; a read-only look at each finds the one whose certificate is another now."""
    await twins.verified()
    await twins.two.break_trust("secondary")
    await twins.sight()
    assert await twins.assigned() == ["branch"]
    assert twins.one.writes == twins.two.writes == 0


async def test_a_target_that_raises_hides_no_other_site(twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin's error at one site is like a site that cannot be reached."""
    await twins.verified()
    await twins.two.break_trust("secondary")
    await twins.sight()
    kind = type(twins.engine.target(twins.engine.site("campus")))
    connect = kind.connect

    def failing(self: Any, site: Any, services: Any) -> Any:
        return [][0] if site.name == "campus" else connect(self, site, services)

    monkeypatch.setattr(kind, "connect", failing)
    assert await twins.assigned() == ["branch"]


async def test_a_name_that_one_site_knows_needs_no_look(twins: Twins) -> None:
    """The certificates last verified tell; nobody logs in anywhere."""
    await twins.one.settle_in()
    await twins.sight()
    assert await twins.assigned() == ["campus"]
    assert twins.one.lab.primary.logins == twins.two.lab.primary.logins == 0


async def test_an_address_tells_more_than_a_name(twins: Twins) -> None:
    """An endpoint of the inventory is of one site."""
    await twins.sight(endpoint=twins.engine.site("branch").endpoints()["secondary"])
    assert await twins.assigned() == ["branch"]


async def test_what_fits_both_is_kept_told_once_and_accuses_nobody(twins: Twins) -> None:
    """Neither is broken as far as we see: an alarm for a person, and no site is taken for intercepted."""
    await twins.verified()
    await twins.sight()
    assert await twins.assigned() == [None]
    assert await twins.assigned() == [None]
    assert [alarm.what for alarm in await twins.ledger.alarms()] == ["unassigned"]
    ended = await one_pass(twins.engine, twins.ledger, twins.engine.site("campus"))
    assert ended.outcome == "healthy"


async def test_with_one_site_there_is_nothing_to_find_out(twins: Twins) -> None:
    """The only site of an inventory is meant."""
    engine = twins.engine
    alone = replace(engine, inventory=replace(engine.inventory, sites={"campus": engine.site("campus")}))
    await twins.sight()
    await Assigner(alone, twins.ledger).round()
    assert [s.site for s in await twins.ledger.sightings()] == ["campus"]


async def test_what_was_tried_in_vain_waits_longer_each_time(twins: Twins) -> None:
    """Looking at every site costs logins: not at every line that comes in."""
    await twins.verified()
    await twins.sight()
    assigner = Assigner(twins.engine, twins.ledger)
    await assigner.round()
    logins = twins.one.lab.primary.logins
    await twins.sight()
    await assigner.round()
    assert (twins.one.lab.primary.logins, assigner.unassigned) == (logins, 1)


async def test_many_names_cost_one_look_and_one_entry(twins: Twins) -> None:
    """However many sightings could be about several sites, each site is looked at once for all of them."""
    await twins.verified()
    await twins.two.break_trust("secondary")
    for n in range(30):
        await twins.sight(dn=f"CN=prime-sec, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US, serialNumber={n}")
        await twins.sight(holder="primary", level="hint", fingerprint=f"SHA256:{n:064}")
    await twins.assigned()
    assert (twins.one.lab.primary.logins, twins.two.lab.primary.logins) == (1, 1)
    assert len(await twins.ledger.entries(kinds=["sighting-assigned"])) == 1
    assert {s.site for s in await twins.ledger.sightings() if s.is_hint} == {"branch"}


async def test_names_of_nobody_are_few_alarms(twins: Twins) -> None:
    """A day's first 20 are told by name, the others in one more alarm; all are kept."""
    await twins.verified()
    await twins.ledger.sight_many(
        [Sighting.model_validate(told("authenticated") | {"dn": f"CN=nobody-{n}"}) for n in range(50)]
    )
    assert await twins.assigned() == [None] * 50
    assert len(await twins.ledger.alarms()) == TOLD_A_DAY + 1
    await twins.assigned()
    assert len(await twins.ledger.alarms()) == TOLD_A_DAY + 1


def test_a_name_is_compared_with_few_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only names that share its rarest attribute are compared: not every site's."""
    compared: list[DistinguishedName] = []
    covers = DistinguishedName.covers

    def counted(name: DistinguishedName, other: DistinguishedName) -> bool:
        compared.append(other)
        return covers(name, other)

    monkeypatch.setattr(DistinguishedName, "covers", counted)
    names = Names((f"site-{n}", f"CN=host-{n}, O=Example, C=US") for n in range(1000))
    found = [names.sites(f"CN=host-{n}, O=Example", is_cut=False) for n in range(1000)]
    assert found == [{f"site-{n}"} for n in range(1000)]
    assert len(compared) == 1000
    assert names.sites("CN=host-99…", is_cut=True) == {"site-99", *(f"site-{n}" for n in range(990, 1000))}
