"""A Prime server, as its web pages see it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from retrust_plugins.lab.ha import HighAvailability
from retrust_plugins.lab.health_monitor import HealthMonitor
from retrust_plugins.lab.ise import IseServers
from retrust_plugins.lab.ports import Twin
from retrust_plugins.lab.settings import NodeSettings


@dataclass
class Session:
    name: str
    expires: float
    greeted: bool = False


class PagesNode(Protocol):
    web_logins: int
    failed_web_logins: int

    @property
    def lab(self) -> Twin: ...

    @property
    def settings(self) -> NodeSettings: ...

    @property
    def host(self) -> str: ...

    @property
    def role(self) -> str: ...

    @property
    def authentication_key(self) -> str: ...

    @property
    def web_username(self) -> str: ...

    @property
    def web_password(self) -> str: ...

    @property
    def web_sessions(self) -> dict[str, Session]: ...

    @property
    def web_answers(self) -> list[str]: ...

    @property
    def alarms(self) -> set[asyncio.Queue[str]]: ...

    @property
    def ha(self) -> HighAvailability: ...

    @property
    def health_monitor(self) -> HealthMonitor: ...

    @property
    def ise_servers(self) -> IseServers: ...
