"""High availability: Configuration Mode, Check Readiness and registration.

Modes follow from what the nodes learn of each other in their meetings (``health_monitor``). Registering is
the one destructive thing in the lab: it copies the primary's database over the secondary's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from retrust_plugins.lab.health_monitor import Address, HealthMonitor, Meeting
from retrust_plugins.lab.logs import NodeLog
from retrust_plugins.lab.settings import MILESTONES, HaSettings

NOT_CONFIGURED = "HA Not Configured"
INITIALIZING = "HA Initializing"
PRIMARY_ACTIVE = "Primary Active"
PRIMARY_LOST_SECONDARY = "Primary Lost Secondary"
SECONDARY_SYNCING = "Secondary Syncing"
SECONDARY_LOST_PRIMARY = "Secondary Lost Primary"

READINESS = (
    "CPU COUNT",
    "DISK IOPS",
    "RAM SIZE",
    "DISK SIZE",
    "SERVER PING REACHABILITY",
    "OS COMPATABILITY",
    "HEALTH MONITOR STATUS",
    "NETWORK INTERFACE BANDWIDTH",
    "FIREWALL FOR DATABASE PORT ACCESSIBILITY",
    "DATABASE ONLINE STATUS",
)
_STEPS = 20


class RegistrationFailed(Exception):
    """Why a registration ended; the sentence that the page shows."""


@dataclass(frozen=True)
class Check:
    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class Registration:
    """What the form sends."""

    secondary: str
    authentication_key: str
    email: str = ""
    failover: str = "Manual"
    virtual: bool = False
    virtual_ipv4: str = ""
    virtual_ipv6: str = ""


class PairedNode(Protocol):
    """A node, as high availability sees it."""

    database: list[str]

    @property
    def role(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def health_port(self) -> int: ...

    @property
    def authentication_key(self) -> str: ...

    @property
    def log(self) -> NodeLog: ...

    @property
    def health_monitor(self) -> HealthMonitor: ...

    def port_of_peer(self, host: str) -> int: ...

    def alarm(self, sentence: str) -> None: ...

    def tell(self, event: str, *details: object) -> Awaitable[None]: ...


@dataclass
class HighAvailability:
    """One node's view. ``registrations`` counts every registration begun here."""

    node: PairedNode
    settings: HaSettings
    mode: str = NOT_CONFIGURED
    forced: bool = False
    registrations: int = 0
    registered: Registration | None = None
    progress: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    checks: tuple[Check, ...] = ()
    _job: asyncio.Task[None] | None = None

    # What the meetings mean ------------------------------------------------------------------------

    def force(self, mode: str | None) -> None:
        """Hold any mode, one that no release knows too; None lets the modes follow the facts again."""
        self.forced = mode is not None
        if mode is not None:
            self.mode = mode

    def enter(self, mode: str) -> None:
        if self.forced or mode == self.mode:
            return
        self.mode = mode
        self.node.log.note("hm", f"State changed: {mode}")
        self.node.alarm(f"High availability: {mode}")

    def peer_was(self, meeting: Meeting, answer: dict[str, Any]) -> None:
        if self.mode == INITIALIZING:
            return
        if self.node.role == "primary":
            self._as_primary(meeting, answer)
        else:
            self._as_secondary(meeting, answer)

    def _as_primary(self, meeting: Meeting, answer: dict[str, Any]) -> None:
        if self.mode == NOT_CONFIGURED:
            return
        if Meeting.MISTRUSTED in (meeting, answer.get("last")):
            self.enter(self.settings.loss_mode)
        elif meeting is Meeting.UNREACHABLE:
            self.enter(PRIMARY_LOST_SECONDARY)
        elif answer.get("last") == Meeting.MET and self._recovers():
            self.enter(PRIMARY_ACTIVE)

    def _as_secondary(self, meeting: Meeting, answer: dict[str, Any]) -> None:
        if self.mode == NOT_CONFIGURED:
            return
        if meeting is Meeting.MET and answer.get("mode") == NOT_CONFIGURED:
            self.enter(NOT_CONFIGURED)
        elif meeting is Meeting.MET and answer.get("mode") == PRIMARY_ACTIVE:
            self.enter(SECONDARY_SYNCING)
        elif meeting is Meeting.MISTRUSTED and self.settings.loss_mode == NOT_CONFIGURED:
            self.enter(NOT_CONFIGURED)
        elif meeting in (Meeting.MISTRUSTED, Meeting.UNREACHABLE):
            self.enter(SECONDARY_LOST_PRIMARY)

    def _recovers(self) -> bool:
        # A peer that merely restarted is taken back always; one that was mistrusted as the settings say.
        if self.mode == PRIMARY_LOST_SECONDARY and self.settings.loss_mode != PRIMARY_LOST_SECONDARY:
            return True
        chosen = self.settings.loss_recovers
        return self.settings.loss_mode != NOT_CONFIGURED if chosen is None else chosen

    # What the page asks for ------------------------------------------------------------------------

    async def check_readiness(self, secondary: str) -> tuple[Check, ...]:
        """Trust is one row among others, and a real meeting both ways."""
        await asyncio.sleep(self.settings.readiness_time)
        meeting, answer = await self.node.health_monitor.meet(
            self._address(secondary), "/hm/meet", {"host": self.node.host, "port": self.node.health_port}
        )
        failed = set(self.settings.failing_checks)
        if meeting is Meeting.UNREACHABLE:
            failed |= {"SERVER PING REACHABILITY", "HEALTH MONITOR STATUS"}
        elif meeting is not Meeting.MET or answer.get("last") != Meeting.MET:
            failed.add("HEALTH MONITOR STATUS")
        self.checks = tuple(Check(name, name not in failed) for name in READINESS)
        return self.checks

    @property
    def ready(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def registering(self) -> bool:
        return self._job is not None and not self._job.done()

    def register(self, form: Registration) -> None:
        """Begin; progress, mode and error tell the rest. Raises ``RegistrationFailed`` if it cannot begin."""
        if self.registering:
            raise RegistrationFailed("A registration is in progress.")
        if self.mode != NOT_CONFIGURED:
            raise RegistrationFailed(f"HA cannot be registered while its mode is {self.mode}.")
        self.registrations += 1
        self.error = None
        self.progress = dict.fromkeys(MILESTONES, 0)
        self._job = asyncio.create_task(self._register(form))

    async def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            with suppress(asyncio.CancelledError):
                await self._job
            self._job = None
        if self.mode == INITIALIZING:
            self.enter(NOT_CONFIGURED)

    async def _register(self, form: Registration) -> None:
        self.enter(INITIALIZING)
        await self.node.tell("register", form.secondary)
        try:
            await self._reach(MILESTONES[0], lambda: self._agree(form))
            await self._reach(MILESTONES[1], lambda: self._ask(form, "/hm/replicate", {"database": self.node.database}))
            await self._reach(MILESTONES[2], lambda: self._ask(form, "/hm/activate", {"active": True}))
        except RegistrationFailed as failure:
            self.error = str(failure)
            self.node.log.note("hm", f"HA registration failed: {failure}")
            self.enter(NOT_CONFIGURED)
        else:
            self.registered = form
            self.enter(PRIMARY_ACTIVE)

    async def _reach(self, milestone: str, work: Callable[[], Awaitable[None]]) -> None:
        """Show progress, and do the milestone's work half-way."""
        pause = self.settings.registration_time / len(MILESTONES) / _STEPS
        for step in range(1, _STEPS + 1):
            await asyncio.sleep(pause)
            self.progress[milestone] = step * 100 // _STEPS - (step == _STEPS)
            if step == _STEPS // 2:
                await work()
                if milestone == self.settings.fails_at:
                    raise RegistrationFailed(self.settings.error)
                if milestone == self.settings.stuck_at:
                    await asyncio.Event().wait()
        self.progress[milestone] = 100

    async def _agree(self, form: Registration) -> None:
        await self._ask(
            form,
            "/hm/register",
            {"authentication_key": form.authentication_key, "host": self.node.host, "port": self.node.health_port},
        )
        self.node.health_monitor.peer = self._address(form.secondary)

    async def _ask(self, form: Registration, path: str, body: dict[str, Any]) -> None:
        meeting, answer = await self.node.health_monitor.meet(self._address(form.secondary), path, body)
        if meeting is not Meeting.MET or answer["status"] != 200:
            raise RegistrationFailed(answer.get("error", f"The secondary server is {meeting}."))

    def _address(self, secondary: str) -> Address:
        return Address(secondary, self.node.port_of_peer(secondary))

    # What the primary asks of a secondary ----------------------------------------------------------

    async def accept(self, authentication_key: str, primary: Address) -> str | None:
        """Agree to be this primary's secondary, or say why not."""
        if authentication_key != self.node.authentication_key:
            return "The authentication key is not that of the secondary server."
        meeting, _ = await self.node.health_monitor.meet(primary)
        if meeting is not Meeting.MET:
            return "TOFU failed at the secondary server. Check local trust"
        self.node.health_monitor.peer = primary
        self.enter(INITIALIZING)
        return None

    def take(self, database: list[str]) -> None:
        self.node.database = list(database)

    def activate(self) -> None:
        self.enter(SECONDARY_SYNCING)
