"""A Prime server: its command line, health monitor, pages, pins and logs, put together.

What each part does is in its own module; this one starts, stops, renews and deploys them again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from retrust_plugins.lab.certificates import Identity
from retrust_plugins.lab.ha import HighAvailability
from retrust_plugins.lab.health_monitor import HealthMonitor
from retrust_plugins.lab.ise import IseServers
from retrust_plugins.lab.logs import NodeLog
from retrust_plugins.lab.ncs import answer
from retrust_plugins.lab.network import Endpoint
from retrust_plugins.lab.pages.app import web_app
from retrust_plugins.lab.pages.health import health_app
from retrust_plugins.lab.ports import Received, Twin
from retrust_plugins.lab.renewal import Renewable
from retrust_plugins.lab.settings import NodeSettings
from retrust_plugins.lab.ssh_server import SshServer
from retrust_plugins.lab.tofu import TofuMismatch, TofuStore, strangers

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from retrust_plugins.lab.pages.port import Session

SSH_PORT, HEALTH_PORT, WEB_PORT = 10022, 8082, 10443


class PrimeNode(Renewable):
    """The primary or the secondary. Counters and recordings are for tests to read, never reset."""

    def __init__(
        self,
        lab: Twin,
        role: Literal["primary", "secondary"],
        host: str,
        settings: NodeSettings,
        authentication_key: str,
    ) -> None:
        self.name: str = role
        self.role, self.host, self.settings = role, host, settings
        self.username = settings.username
        self.password = settings.password or f"Pi#{secrets.token_urlsafe(12)}"
        self.web_username = settings.web_username
        self.web_password = settings.web_password or f"Web#{secrets.token_urlsafe(12)}"
        self.authentication_key = authentication_key
        super().__init__(
            lab,
            settings.subject or lab.subject_for(settings.hostname, settings.store.dn_style),
            (host, settings.hostname),
        )
        self.web_identity = lab.identity(self.identity.subject, self.hosts)
        self.pending: Identity | None = None
        self.database = [f"{settings.hostname} was installed"]
        self._record()
        self._assemble()

    def _record(self) -> None:
        self.commands: list[Received] = []
        self.answers: list[tuple[str, str]] = []
        self.channels_opened: list[tuple[str, int]] = []
        self.logins = self.failed_logins = 0
        self.web_logins = self.failed_web_logins = 0
        self.web_sessions: dict[str, Session] = {}
        self.web_answers: list[str] = []  # to pages after the login, where a notice was not merely passed
        self.alarms: set[asyncio.Queue[str]] = set()

    def _assemble(self) -> None:
        lab, network, ground = self.lab, self.lab.network, self.lab.ground
        network.settle(self.name, self.host)
        self.log = NodeLog(lab.folder / self.name, lab.settings.log)
        self.tofu = TofuStore(self.name, network, self.tell, lab.settings.connect_timeout)
        self.ssh = SshServer(self, self.host, ground.port(SSH_PORT), answer)
        self._reboot: asyncio.Task[None] | None = None
        self.tofu.pins.update({pin.key: pin for pin in strangers(self.settings.store.strangers, self.identity)})
        self.ha = HighAvailability(self, lab.settings.ha)
        self.health_monitor = HealthMonitor(self, lab.settings.health_interval)
        self.ise_servers = IseServers(self, lab)
        self.health = Endpoint(network, self.name, self.host, ground.port(HEALTH_PORT), self.present, self._health_app)
        self.web = Endpoint(network, self.name, self.host, ground.port(WEB_PORT), self.present_web, self._web_app)

    # Addresses and certificates --------------------------------------------------------------------

    @property
    def health_port(self) -> int:
        return self.health.port

    @property
    def key(self) -> str:
        """How this node stands in the stores of others."""
        return f"{self.host}_{self.health_port}"

    @property
    def host_key_fingerprint(self) -> str:
        return self.host_key_fingerprints[0]

    @property
    def host_key_fingerprints(self) -> list[str]:
        return [key.get_fingerprint() for key in self.ssh.keys]

    @property
    def web_fingerprint(self) -> str:
        return self.present_web().fingerprint

    def present_web(self) -> Identity:
        shared = self.lab.settings.web_certificate == "shared"
        return self.identity if shared else self.web_identity

    def own_names(self) -> list[str]:
        """The addresses under which it meets itself; the secondary knows itself by loopback too."""
        loopback = ["127.0.0.1"] if self.role == "secondary" and self.lab.ground.distinct else []
        return [self.host, *loopback]

    def port_of_peer(self, host: str) -> int:
        """The health monitor's port at ``host``: the same everywhere, but where nodes share an address."""
        return self.lab.health_port_at(host, asked_by=self)

    # Recordings ------------------------------------------------------------------------------------

    def deletes_sent(self, key: str) -> int:
        """How often a delete of this very key came in, with or without effect."""
        return sum(c.line.split()[-4:] == ["tofu-certs", "deletecert", "host", key] for c in self.commands)

    def log_text(self, name: Literal["hm", "ncs"] = "hm") -> str:
        return self.log.text(name)

    def log_peer_mismatch(self, mismatch: TofuMismatch) -> None:
        write = self.log.primary_mismatch if self.role == "primary" else self.log.secondary_mismatch
        write(mismatch.current.subject)

    def alarm(self, sentence: str) -> None:
        for listener in self.alarms:
            listener.put_nowait(sentence)

    def tell(self, event: str, *details: object) -> Awaitable[None]:
        return self.lab.tell(event, self, *details)

    def repository(self, name: str) -> Path:
        folder = self.log.folder / "repositories" / Path(name).name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    # Life ------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.health.is_open

    async def listen(self) -> None:
        """Open every port; nothing is sent yet."""
        await self.ssh.open()
        await self.health.open()
        if self.role == "primary" and self.lab.settings.web:
            await self.web.open()

    def begin_rounds(self) -> None:
        self.health_monitor.start()
        if self.role == "primary":
            self.ise_servers.start()

    async def start_services(self) -> None:
        """``ncs start``: with the certificate that waited for it, if one did."""
        if self.running:
            return
        await asyncio.sleep(self.settings.restart_time)
        self.identity, self.pending = self.pending or self.identity, None
        await self.listen()
        self.begin_rounds()

    async def stop_services(self) -> None:
        """``ncs stop``; the command line stays."""
        await self.health_monitor.stop()
        await self.ise_servers.stop()
        await self.ha.stop()
        await self.health.close()
        await self.web.close()
        self.web_sessions.clear()

    async def power_off(self) -> None:
        await self.stop_services()
        await self.ssh.close()

    async def power_on(self) -> None:
        await self.ssh.open()
        await self.start_services()

    def reboot(self) -> None:
        """Off, and on again after the time that a restart takes; nobody waits for it."""

        async def again() -> None:
            await self.power_off()
            await asyncio.sleep(self.settings.restart_time)
            await self.power_on()

        self._reboot = asyncio.create_task(again())

    async def redeploy(self) -> None:
        """Install again at the same address: new certificates and host keys, no pins, no HA, no ISE."""
        await self.power_off()
        self.identity = self.lab.identity(self.identity.subject, self.hosts)
        self.web_identity = self.lab.identity(self.identity.subject, self.hosts)
        self.ssh.new_keys()
        self.tofu.pins.clear()
        self.log.clear()
        self.health_monitor.forget()
        self.ise_servers.entries.clear()
        self.ha.enter("HA Not Configured")
        await self.power_on()
        await self.tell("renew")

    async def _restart(self, identity: Identity) -> None:
        await self.stop_services()
        self.pending = identity
        await self.start_services()

    def _health_app(self) -> ASGIApp:
        return health_app(self)

    def _web_app(self) -> ASGIApp:
        return web_app(self)
