"""What a process gives to sources, observers, applications and rules: the inventory, and what plugins added to it.

A narrow front: how plugins are loaded, the way to a site and the parts of a pass are behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from retrust.gates import Gate
    from retrust.inventory import Inventory, Site
    from retrust.secrets import Redactor, Secrets
    from retrust.signatures import LogSignature
    from retrust.target import Target


class Host(Protocol):
    @property
    def inventory(self) -> Inventory: ...

    @property
    def home(self) -> Path:
        """Where state lives; nothing is created there before it is needed."""
        ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def redactor(self) -> Redactor:
        """Takes what was read of secrets out of texts."""
        ...

    @property
    def gates(self) -> Mapping[str, Gate[Any]]: ...

    @property
    def log_signatures(self) -> tuple[LogSignature, ...]: ...

    def site(self, name: str) -> Site:
        """The site of this name, or ``UsageError`` with the names that there are."""
        ...

    def target(self, site: Site) -> Target[Any]:
        """The kind of site that it is."""
        ...
