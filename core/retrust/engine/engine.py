"""What a process works with: plugins, inventory, secrets, ledger, and the way to a site.

Built once per process from the environment; commands, passes and the service take what they need from it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrust import ledger
from retrust.approval.policies import check_policy
from retrust.engine.contained import Contained
from retrust.engine.home import home_folder, keep_private
from retrust.engine.loader import Plugins, installed_plugins
from retrust.errors import UsageError
from retrust.inventory import Inventory, Site, load_inventory
from retrust.inventory.warnings import inventory_warnings
from retrust.observers import Observer
from retrust.secrets.redaction import Redactor
from retrust.secrets.stores import Secrets
from retrust.target import Follow, Services, Target, unfollowed

if TYPE_CHECKING:
    from retrust.evidence import Collector
    from retrust.gates import Gate
    from retrust.ledger import Ledger
    from retrust.signatures import LogSignature

log = logging.getLogger(__name__)


@dataclass
class Engine:
    """The parts, wired. ``home`` is where state lives; nothing is created there before it is needed."""

    plugins: Plugins
    inventory: Inventory
    home: Path
    redactor: Redactor
    doubts: tuple[str, ...] = ()
    """What the policies allow and seldom mean, for ``check`` to say."""

    @classmethod
    def start(cls, inventory: Path | None = None, plugins: Plugins | None = None) -> Engine:
        """Load everything, or raise the one error that says what is wrong with plugins or inventory."""
        loaded = plugins or installed_plugins()
        read = load_inventory(inventory, loaded.site_models, schemes=loaded.secret_stores)
        engine = cls(loaded, read, home_folder(read.home), Redactor())
        keep_private(engine.home)
        engine._check_policies()
        return engine

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the inventory may say and seldom means, for ``check`` to say; each with its place."""
        of_targets = (
            f"{self.inventory.where('sites', name)}: {text}"
            for name, site in self.inventory.sites.items()
            for text in self.warnings_of(site)
        )
        return (*of_targets, *inventory_warnings(self.inventory, self.home), *self.doubts)

    def warnings_of(self, site: Site) -> tuple[str, ...]:
        """What the site's target doubts; one that fails over it is said, and stops nothing."""
        target = self.target(site)
        try:
            return tuple(target.warnings(site))
        except Exception as exc:
            return (self.plugins.failed(target, f"the warnings of the target {target.name}", exc),)

    def _check_policies(self) -> None:
        for site in self.inventory.sites.values():
            self.doubts += check_policy(self.inventory, site, self.plugins.gates)

    def site(self, name: str) -> Site:
        try:
            return self.inventory.sites[name]
        except KeyError:
            raise UsageError(f"the inventory has no site {name!r}", hint=_sites(self.inventory, name)) from None

    def target(self, site: Site) -> Target[Any]:
        return self.plugins.targets[site.target]

    @property
    def gates(self) -> dict[str, Gate[Any]]:
        return self.plugins.gates

    @cached_property
    def log_signatures(self) -> tuple[LogSignature, ...]:
        return tuple(
            Contained(s, partial(self.plugins.failed, s, f"the log signature {s.name}"))
            for s in self.plugins.log_signatures.values()
        )

    @cached_property
    def collectors(self) -> tuple[Collector, ...]:
        return tuple(self.plugins.collectors.values())

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets(self.plugins.secret_stores, self.redactor)

    @property
    def ledger_exists(self) -> bool:
        return self.inventory.ledger.url is not None or (self.home / "ledger.db").exists()

    @property
    def at_the_ledger(self) -> bool:
        """Whether the ledger is on this machine: a file, or a database server that is reached without a network."""
        if self.inventory.ledger.url is None:
            return True
        return ledger.is_local(self.inventory.ledger.url)

    async def ledger_url(self) -> str | None:
        """Where the ledger is, with the password that the inventory refers to; None for the file in ``home``."""
        settings = self.inventory.ledger
        if settings.url is None or settings.password is None:
            return settings.url
        return ledger.with_password(settings.url, (await self.secrets.get(settings.password)).get_secret_value())

    async def open_ledger(self) -> Ledger:
        """The ledger, migrated, with the plugins' observers and its witnesses; the caller closes it."""
        opened = await ledger.Ledger.open(await self.ledger_url(), self.home, redact=self.redactor.redact)
        for observer in self.plugins.observers.values():
            try:
                observer.opened(self, opened)
            except Exception as exc:  # it changes nothing, as when it is told of an entry
                log.warning("%s", self.plugins.failed(observer, f"the observer {observer.name}", exc))
            opened.observers.append(observer.told)
            if type(observer).noted is not Observer.noted:
                opened.witnesses.append(observer.noted)
        if self.inventory.ledger.witness is not None:
            opened.witnesses.append(ledger.FileWitness(self.inventory.ledger.witness))
        return opened

    def services(
        self,
        *,
        read_only: bool,
        progress: Follow = unfollowed,
        tell: Callable[[str], None] = lambda _: None,
        folder: Path | None = None,
        identities: dict[tuple[str, str], tuple[str, ...]] | None = None,
    ) -> Services:
        """What a connection to a site may use; ``folder`` takes transcripts and pictures of one run."""
        return Services(
            secrets=self.secrets,
            redactor=self.redactor,
            read_only=read_only,
            progress=progress,
            tell=tell,
            shots=folder,
            transcripts=folder,
            identities=identities or {},
        )


def _sites(inventory: Inventory, typed: str) -> str:
    """The one that was meant, or a few of those there are."""
    names = {name.casefold(): name for name in inventory.sites}
    if near := get_close_matches(typed.casefold(), names, 1, cutoff=0.5):
        return f"did you mean {names[near[0]]}?"
    shown = [*inventory.sites][:20]
    return f"its sites: {', '.join(shown) or 'none'}" + (" …" if len(names) > len(shown) else "")
