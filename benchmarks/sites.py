"""Many lab sites in this process, for ``scale``: broken at once, healed by whoever, and asked what was done to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.serialization import Encoding

from retrust.ledger import Ledger
from retrust.models import Baseline, Sighting
from retrust.x509.certificates import read_presented
from retrust_plugins.lab import Lab, LabSettings
from retrust_plugins.lab.inventory import secrets_of, site_of
from retrust_plugins.lab.settings import HaSettings

LOST = "Primary Lost Secondary"
PREAPPROVED: dict[str, Any] = {
    **{risk: [{"gate": "standard"}] for risk in ("delete-pin", "interrupting")},
    "accept_blind_first_use": True,
}
QUICK = {"connect": 60, "command": 60, "settle": 60, "operator": 60, "look": 1}


@dataclass(frozen=True)
class Site:
    """A pair that is active again by itself once its nodes trust each other."""

    name: str
    lab: Lab

    @property
    def healthy(self) -> bool:
        return self.lab.primary.ha.mode == "Primary Active"

    @property
    def deletes(self) -> int:
        """How often the primary was told to delete its pin of the secondary."""
        return self.lab.primary.deletes_sent(self.lab.secondary.key)

    def section(self, folder: Path, policy: dict[str, Any]) -> dict[str, Any]:
        def reference(name: str) -> str:
            path = folder / f"{self.name}-{name}"
            path.write_text(secrets_of(self.lab)[name])
            path.chmod(0o600)
            return f"file:{path}"

        found = site_of(self.lab, reference)
        found["ha"]["driver"] = "operator"
        return found | {"timeouts": QUICK, "policy": policy}

    def source(self) -> dict[str, Any]:
        return {
            "source": "file",
            "paths": [str(self.lab.primary.log.path("hm"))],
            "site": self.name,
            "holder": "primary",
        }

    def seen(self) -> Sighting:
        """Somebody saw that the secondary's certificate changed."""
        now = datetime.now(UTC)
        return Sighting(
            id=f"due:{self.name}:{now.timestamp()}",
            kind="person",
            site=self.name,
            holder="primary",
            key=self.lab.secondary.key,
            at=now,
            received_at=now,
            source="benchmark",
            actor="benchmark",
            level="authenticated",
        )

    def baselines(self) -> list[Baseline]:
        primary, secondary = self.lab.primes
        return [self._baseline("primary", secondary), self._baseline("secondary", primary)]

    def _baseline(self, holder: str, peer: Any) -> Baseline:
        shown = read_presented([peer.identity.certificate.public_bytes(Encoding.DER)])
        return Baseline(
            site=self.name,
            holder=holder,
            key=peer.key,
            fingerprint=shown.fingerprint,
            key_fingerprint=shown.key_fingerprint,
            subject=shown.subject,
            verified_at=datetime.now(UTC),
        )


@asynccontextmanager
async def running(count: int, folder: Path, pace: float | None = None) -> AsyncIterator[list[Site]]:
    """``count`` healthy sites. Their nodes meet seldom: with many of them, that alone would be the load."""
    pace = pace or max(0.5, count / 20)
    settings = LabSettings(web=False, ise=(), health_interval=pace, ha=HaSettings(loss_mode=LOST, loss_recovers=True))
    async with AsyncExitStack() as stack:
        yield [
            Site(f"site-{n:04}", await stack.enter_async_context(Lab(settings, folder / f"lab-{n:04}")))
            for n in range(count)
        ]


def write_inventory(
    sites: list[Site], folder: Path, path: Path, *, policy: dict[str, Any] = PREAPPROVED, **sections: Any
) -> None:
    document = {
        "sites": {site.name: site.section(folder, policy) for site in sites},
        "sources": [site.source() for site in sites],
        "settings": {"recurrence": {"healed": 100, "days": 30}},  # each round breaks the same sites again
    } | sections
    path.write_text(yaml.safe_dump(document, sort_keys=False))


async def verified(sites: list[Site], ledger: Ledger) -> None:
    """What the sites present now is what was verified last."""
    await ledger.set_baselines([baseline for site in sites for baseline in site.baselines()], actor="benchmark")


async def break_all(sites: list[Site]) -> None:
    """Every secondary is renewed; returns when every primary has noticed."""
    await asyncio.gather(*(site.lab.secondary.renew() for site in sites))
    await asyncio.gather(
        *(
            site.lab.until(lambda s=site: s.lab.primary.ha.mode == LOST, "HA is lost", 120)  # type: ignore[misc]
            for site in sites
        )
    )
