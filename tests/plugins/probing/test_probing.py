"""The source ``probe``, on real TLS servers: what it tells of, once, and when it looks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.campus import Campus, campus
from retrust.errors import PermanentError
from retrust.testing.deliveries import KeptDelivery
from retrust_plugins.probing.source import LAST, Probing, ProbingSettings


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Campus]:
    async with campus(tmp_path) as site:
        await site.settle_in()
        yield site


@pytest.fixture
async def told(site: Campus) -> KeptDelivery:
    """A delivery that knows the pair's certificates as verified."""
    return KeptDelivery(site.engine, known={"campus": await site.ledger.baselines("campus")})


def probing(told: KeptDelivery, **settings: Any) -> Any:
    return told.running(Probing(), ProbingSettings.model_validate({"every": "1h", "expires": "1d"} | settings))


async def rounds(told: KeptDelivery) -> None:
    await told.until(lambda: "endpoints" in told.said, "a round")


async def test_a_healthy_pair_is_nothing_to_tell_of(told: KeptDelivery) -> None:
    """What is presented is what was verified, and ends in a while."""
    async with probing(told):
        await rounds(told)
    assert (told.seen, told.notices, told.said) == ([], [], "2 endpoints, 0 silent")


async def test_another_certificate_is_a_sighting_of_that_edge(told: KeptDelivery, site: Campus) -> None:
    """It names holder, key and the fingerprint that is presented now."""
    renewed = await site.lab.secondary.renew()
    async with probing(told):
        await rounds(told)
    (seen,) = told.seen
    assert (seen.kind, seen.site, f"{seen.holder}:{seen.key}", seen.fingerprint) == (
        "probe",
        "campus",
        site.edge("primary"),
        renewed.fingerprint,
    )


async def test_an_endpoint_that_is_down_is_told_by_health_alone(told: KeptDelivery, site: Campus) -> None:
    """Silence says nothing of a certificate."""
    await site.lab.secondary.stop_services()
    async with probing(told):
        await rounds(told)
    assert (told.seen, told.said) == ([], "2 endpoints, 1 silent")


async def test_a_certificate_that_ends_soon_is_told_once(told: KeptDelivery) -> None:
    """With what to type to see what its renewal will break; a restart does not tell it again."""
    for _ in range(2):
        told.positions.pop(LAST, None)
        async with probing(told, expires="3600d"):
            await rounds(told)
    assert sorted(n[1] for n in told.notices) == ["a certificate ends soon"] * 2
    assert any("retrust impact campus --renew secondary" in n[2] for n in told.notices)


async def test_a_restart_does_not_begin_a_round_anew(told: KeptDelivery, site: Campus) -> None:
    """The next one is due an hour after the last, whoever was restarted in between."""
    told.positions[LAST] = (datetime.now(UTC) - timedelta(minutes=59)).isoformat()
    await site.lab.secondary.renew()
    async with probing(told):
        assert told.said == "waits for its first round"
    told.positions[LAST] = (datetime.now(UTC) - timedelta(minutes=61)).isoformat()
    async with probing(told):
        await rounds(told)
    assert len(told.seen) == 1


async def test_a_site_that_is_none_is_a_mistake(told: KeptDelivery) -> None:
    """Told with its name."""
    async with probing(told, sites=["elsewhere"]) as task:
        with pytest.raises(PermanentError, match="elsewhere"):
            await task
