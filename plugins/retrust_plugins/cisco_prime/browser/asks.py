"""What is asked of the pages, and what comes back: frozen data, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from retrust.models import Endpoint, Relation


@dataclass(frozen=True)
class WebAccess:
    """Where the pages of a node are, who logs in, and which certificate they must present.

    ``host`` is the name the pages are asked for, ``address`` where it is reached. ``fingerprint`` is
    ``SHA256:`` and lower-case hex of the DER; without it the chain and name must validate against ``ca``.
    """

    node: str
    host: str
    username: str
    password: SecretStr
    address: str | None = None
    port: int = 443
    fingerprint: str | None = None
    ca: Path | None = None

    @property
    def origin(self) -> Endpoint:
        return Endpoint(host=self.host, port=self.port)

    @property
    def reached_at(self) -> Endpoint:
        return Endpoint(host=self.address or self.host, port=self.port)

    @property
    def url(self) -> str:
        return f"https://{self.origin}/"


@dataclass(frozen=True)
class BrowserSettings:
    """Limits in seconds; the defaults suit a slow appliance and a database of many hours.

    ``page`` bounds the wait for a page, a menu entry or a field; ``settle`` is how long results must stand
    still to be complete; ``stalled`` is how long a registration may show no progress.
    """

    page: float = 60.0
    settle: float = 3.0
    poll: float = 1.0
    reload: float = 30.0
    readiness: float = 900.0
    stalled: float = 3600.0
    registration: float = 12 * 3600.0
    saving: float = 120.0


@dataclass(frozen=True)
class HaRequest:
    """The fields of HA Configuration, as documented."""

    secondary: str
    authentication_key: SecretStr
    email: tuple[str, ...] = ()
    failover: Literal["manual", "automatic"] = "manual"
    virtual_ipv4: str | None = None
    virtual_ipv6: str | None = None


@dataclass(frozen=True)
class HaOutcome:
    """A registration that ended in a healthy mode; ``readiness`` are the rows of the check, as displayed."""

    mode: Relation
    readiness: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class IseRequest:
    """The fields of Add ISE Server, as documented."""

    host: str
    username: str
    password: SecretStr
    port: int = 443
