"""The source ``prime-alarms`` against the lab's stream: what makes a look, and whom it talks to at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from retrust.engine.engine import Engine
from retrust.testing.deliveries import KeptDelivery
from retrust_plugins.lab import Lab, LabSettings
from retrust_plugins.prime_alarms.source import PrimeAlarms, PrimeAlarmsSettings


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    settings = LabSettings(ise=(), health_interval=0.05, ping_interval=0.1)
    async with Lab(settings, tmp_path / "lab") as lab:
        yield lab


def delivery(lab: Lab, folder: Path, **web: Any) -> KeptDelivery:
    """Over the lab's own inventory, with these changes of the primary's ``web``."""
    inventory = lab.write(folder)
    document = yaml.safe_load(inventory.read_text())
    changed = document["sites"]["campus"]["primary"]["web"] | web
    document["sites"]["campus"]["primary"]["web"] = {k: v for k, v in changed.items() if v is not None}
    inventory.write_text(yaml.safe_dump(document))
    return KeptDelivery(Engine.start(inventory))


def listening(told: KeptDelivery, **settings: Any) -> Any:
    return told.running(PrimeAlarms(), PrimeAlarmsSettings.model_validate(settings))


async def test_an_alarm_of_ha_asks_for_a_look(lab: Lab, tmp_path: Path) -> None:
    """As soon as HA is lost, once; what is said when it is well again asks for none."""
    told = delivery(lab, tmp_path)
    async with listening(told):
        await told.until(lambda: told.said == "campus: listens", "the stream")
        lab.primary.alarm("Disk is nearly full")
        lab.primary.alarm("High availability: Primary Active")
        await lab.secondary.renew()
        await told.until(lambda: told.looks, "a look")
        lab.primary.alarm("High availability: Primary Failover")
    assert told.looks == [("campus", "alarm: High availability: HA Not Configured")]
    assert told.seen == []


async def test_another_web_certificate_gets_no_password(lab: Lab, tmp_path: Path) -> None:
    """The pin is compared before anything is sent; the stream stays closed, and says why."""
    told = delivery(lab, tmp_path, fingerprint="SHA256:" + "0" * 64)
    async with listening(told):
        assert "the web certificate changed" in told.said
    assert (lab.primary.web_logins, len(lab.primary.alarms)) == (0, 0)


async def test_a_refused_login_is_not_tried_again(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying on would lock the account."""
    monkeypatch.setenv("WRONG", "not-the-password")
    told = delivery(lab, tmp_path, password="env:WRONG")
    async with listening(told) as task:
        await told.until(task.done, "it gives up")
    assert told.said == "campus: the login was refused, and is not tried again"


async def test_a_stream_that_breaks_is_opened_anew(lab: Lab, tmp_path: Path) -> None:
    """The appliance restarts, and is heard again by itself."""
    told = delivery(lab, tmp_path)
    async with listening(told):
        await told.until(lambda: told.said == "campus: listens", "the stream")
        await lab.primary.web.close()
        await told.until(lambda: told.said != "campus: listens", "its end")
        await lab.primary.web.open()
        await told.until(lambda: told.said == "campus: listens", "the stream again")
        await told.until(lambda: lab.primary.alarms, "a listener")
        lab.primary.alarm("TOFU failed")
        await told.until(lambda: told.looks, "a look")
