"""What the parts of the lab ask of what they are built into: narrow ports, which ``node`` and ``lab`` fill."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography import x509

from retrust_plugins.lab.addresses import Ground
from retrust_plugins.lab.certificates import Identity, PrivateKey
from retrust_plugins.lab.network import Network
from retrust_plugins.lab.settings import LabSettings, NodeSettings
from retrust_plugins.lab.tofu import TofuStore


@dataclass(frozen=True)
class Received:
    """A command as it came in."""

    at: datetime
    user: str
    line: str


class Login(Protocol):
    """A server that is logged in to over HTTPS."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> str: ...


class HasHealthPort(Protocol):
    @property
    def health_port(self) -> int: ...


class HasMode(Protocol):
    @property
    def mode(self) -> str: ...


class Twin(Protocol):
    """The lab, as its nodes see it."""

    @property
    def settings(self) -> LabSettings: ...

    @property
    def network(self) -> Network: ...

    @property
    def ground(self) -> Ground: ...

    @property
    def folder(self) -> Path: ...

    @property
    def dna_center(self) -> Sequence[Login]: ...

    @property
    def default_ise_port(self) -> int: ...

    def identity(self, subject: x509.Name, hosts: tuple[str, ...], key: PrivateKey | None = None) -> Identity: ...

    def subject_for(self, hostname: str, dn_style: str = "slash") -> str: ...

    def health_port_at(self, host: str, asked_by: HasHealthPort) -> int: ...

    def tell(self, event: str, *details: object) -> Awaitable[None]: ...


class CommandLineNode(Protocol):
    """A node, as its command line sees it."""

    pending: Identity | None
    logins: int
    failed_logins: int

    @property
    def lab(self) -> Twin: ...

    @property
    def settings(self) -> NodeSettings: ...

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> str: ...

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> str: ...

    @property
    def identity(self) -> Identity: ...

    @property
    def running(self) -> bool: ...

    @property
    def ha(self) -> HasMode: ...

    @property
    def tofu(self) -> TofuStore: ...

    @property
    def commands(self) -> list[Received]: ...

    @property
    def answers(self) -> list[tuple[str, str]]: ...

    @property
    def channels_opened(self) -> list[tuple[str, int]]: ...

    def tell(self, event: str, *details: object) -> Awaitable[None]: ...

    def renewed(self, name: x509.Name, key: PrivateKey) -> Identity: ...

    def repository(self, name: str) -> Path: ...

    async def start_services(self) -> None: ...

    async def stop_services(self) -> None: ...

    def reboot(self) -> None: ...
