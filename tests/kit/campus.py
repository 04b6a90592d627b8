"""For tests of anything that heals a site: a lab that runs, and the engine over it, without a browser or Prefect.

    async with campus(tmp_path) as site:
        await site.settle_in()            # healthy: the certificates of now become the baselines
        await site.break_trust("secondary")
        ended = await site.heal()
        assert ended.outcome == "healed"

High availability is registered by the ``operator`` driver: whoever is asked is ``person_at_the_pages``, who
presses Register in the lab itself. A plugin's own tests start here too; nothing of this is used by the product.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from cryptography.hazmat.primitives.serialization import Encoding

from kit.parts import before_each
from retrust.approval.decisions import Attendance
from retrust.engine.engine import Engine
from retrust.inventory import Site
from retrust.models import Baseline, Grade, Sighting
from retrust.runs import passes
from retrust.runs.endings import Ended
from retrust.x509.certificates import read_presented
from retrust_plugins.lab.ha import Registration
from retrust_plugins.lab.lab import Lab
from retrust_plugins.lab.node import PrimeNode
from retrust_plugins.lab.settings import HaSettings, IseServersSettings, LabSettings

if TYPE_CHECKING:
    from retrust.ledger import Ledger

SITE = "campus"
ALICE = "person:alice"
QUICK: Mapping[str, Any] = {
    "connect": 10,
    "command": 5,
    "page": 20,
    "settle": 2,
    "ise_poll": 0.5,
    "registration": 20,
    "operator": 20,
    "look": 0.05,
}
"""Time limits for a site whose servers are on this machine."""

Change = Callable[[dict[str, Any]], None]
Tell = Callable[[str], None]


async def one_pass(
    engine: Engine,
    ledger: Ledger,
    site: Site,
    *,
    actor: str = ALICE,
    tell: Tell = lambda _: None,
    attendance: Attendance | None = None,
    before: Callable[[str], Any] = lambda _: None,
) -> Ended:
    """One pass from the top, bare; ``before`` is called with the name of each part before it begins."""

    part = before_each(before)
    ended = await passes.one_pass(engine, site, ledger, attendance or Attendance(actor), tell=tell, part=part)
    if ended.error is not None:
        raise ended.error
    return ended


def person_at_the_pages(lab: Lab) -> Tell:
    """Whoever is told to register HA registers it, as the documented pages do; deaf to everything else."""

    def told(text: str) -> None:
        if text.startswith("Please register HA"):
            lab.primary.ha.register(Registration(lab.secondary.host, lab.authentication_key))

    return told


def quick_lab(**changes: Any) -> LabSettings:
    """Two servers that meet often, without pages and ISE."""
    settings = LabSettings(
        web=False,
        ise=(),
        health_interval=0.15,
        ise_servers=IseServersSettings(interval=0.15),
        ha=HaSettings(registration_time=0.1),
    )
    return replace(settings, **changes)


@dataclass
class Campus:
    """A lab, its inventory, and the engine over it. ``told`` is everything that a person was told."""

    lab: Lab
    inventory: Path
    home: Path
    engine: Engine
    ledger: Ledger
    told: list[str] = field(default_factory=list)

    @property
    def site(self) -> Site:
        return self.engine.site(SITE)

    def edge(self, holder: Literal["primary", "secondary"]) -> str:
        """``holder:key`` of the holder's pin of its peer."""
        peer = self.lab.secondary if holder == "primary" else self.lab.primary
        return f"{holder}:{peer.key}"

    def deletes(self) -> dict[str, int]:
        """How often the delete of each holder's pin of its peer came in."""
        primary, secondary = self.lab.primes
        return {"primary": primary.deletes_sent(secondary.key), "secondary": secondary.deletes_sent(primary.key)}

    @property
    def writes(self) -> int:
        """Everything that would change an appliance: deletes of any pin, and registrations."""
        deletes = sum("deletecert" in c.line for node in self.lab.primes for c in node.commands)
        return deletes + self.lab.primary.ha.registrations

    def reload(self, change: Change = lambda _: None) -> None:
        """Change the site in the inventory, as a person with an editor would, and read it anew."""
        edit(self.inventory, change)
        self.engine = engine_over(self.inventory, self.home)

    # -- what happens to the site -----------------------------------------------------------------

    async def settle_in(self, days_ago: float = 1.0) -> None:
        """As if a case had ended verified some days ago: what the pair presents now is each edge's baseline."""
        verified = datetime.now(UTC) - timedelta(days=days_ago)
        await self.ledger.set_baselines(
            [_baseline("primary", self.lab.secondary, verified), _baseline("secondary", self.lab.primary, verified)],
            actor="service",
        )

    async def break_trust(self, *nodes: str) -> None:
        """Renew these nodes' certificates, and wait until the pair has noticed."""
        for name in nodes:
            await self.lab.node(name).renew()
        await self.broken()

    async def broken(self) -> None:
        lost = self.lab.settings.ha.loss_mode
        await self.lab.until(lambda: self.lab.primary.ha.mode == lost, "high availability is lost")

    async def sight(self, holder: str = "primary", *, role: str = "peer", dn: str | None = None, **more: Any) -> None:
        """The log line that a renewal leaves at ``holder``, handed in."""
        peer = self.lab.secondary if holder == "primary" else self.lab.primary
        now = datetime.now(UTC)
        told = {
            "id": f"log:{holder}:{now.timestamp()}",
            "kind": "log",
            "site": SITE,
            "role": role,
            "holder": holder,
            "dn": dn or self.lab.subject_for(peer.settings.hostname),
            "at": now,
            "received_at": now,
            "source": "hm-0-0.log",
            "actor": "service",
            "level": "authenticated",
        }
        await self.ledger.sight(Sighting.model_validate(told | more))

    # -- what we do about it ----------------------------------------------------------------------

    async def run(
        self, *, attendance: Attendance | None = None, actor: str = ALICE, before: Callable[[str], Any] = lambda _: None
    ) -> Ended:
        """One pass; whoever is told to register HA does."""
        press = person_at_the_pages(self.lab)

        def tell(text: str) -> None:
            self.told.append(text)
            press(text)

        return await one_pass(
            self.engine, self.ledger, self.site, actor=actor, tell=tell, attendance=attendance, before=before
        )

    async def heal(self, *, accept_unproven: bool = False, **options: Any) -> Ended:
        """One pass with a person at the terminal who says yes to what it asks."""
        return await self.run(attendance=Attendance(ALICE, yes=True, accept_unproven=accept_unproven), **options)


def _baseline(holder: str, peer: PrimeNode, verified: datetime) -> Baseline:
    shown = read_presented([peer.identity.certificate.public_bytes(Encoding.DER)])
    return Baseline(
        site=SITE,
        holder=holder,
        key=peer.key,
        fingerprint=shown.fingerprint,
        key_fingerprint=shown.key_fingerprint,
        subject=shown.subject,
        verified_at=verified,
        grade=Grade.PROVEN,
    )


def edit(inventory: Path, change: Change) -> None:
    document = yaml.safe_load(inventory.read_text(encoding="utf-8"))
    change(document["sites"][SITE])
    inventory.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def by_operator(site: dict[str, Any]) -> None:
    """High availability by the operator driver, and time limits of a fast lab."""
    site["ha"]["driver"] = "operator"
    site["timeouts"] = dict(QUICK)
    site.setdefault("trust", {})["watch"] = "1ms"


def engine_over(inventory: Path, home: Path) -> Engine:
    """An engine that keeps its state in ``home``, whatever the environment says."""
    return replace(Engine.start(inventory), home=home)


@asynccontextmanager
async def campus(
    folder: Path, settings: LabSettings | None = None, *, change: Change = lambda _: None, ledger_url: str | None = None
) -> AsyncIterator[Campus]:
    """A running lab and the engine over it; ``change`` edits its site of the inventory."""
    from retrust.ledger import Ledger

    home = folder / "home"
    async with Lab(settings or quick_lab(), folder / "lab") as lab:
        inventory = lab.write(folder, SITE)
        edit(inventory, by_operator)
        edit(inventory, change)
        engine = engine_over(inventory, home)
        ledger = await Ledger.open(ledger_url, home, redact=engine.redactor.redact)
        try:
            yield Campus(lab, inventory, home, engine, ledger)
        finally:
            await asyncio.shield(ledger.close())
