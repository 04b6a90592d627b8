"""What every node with a certificate shares: presenting it, renewing it, flapping between two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from cryptography import x509

from retrust_plugins.lab.certificates import Identity, PrivateKey, new_key
from retrust_plugins.lab.ports import Twin


class Renewable(ABC):
    """A holder of an identity. ``name`` is the node's name in the lab."""

    name: str

    def __init__(self, lab: Twin, subject: str, hosts: Sequence[str]) -> None:
        self.lab = lab
        self.hosts = tuple(hosts)
        self.identity = lab.identity(x509.Name.from_rfc4514_string(subject), self.hosts)
        self._twin: Identity | None = None
        self._twins_turn = False

    @property
    def fingerprint(self) -> str:
        """Of the certificate that this node presents as its own, ``SHA256:`` and lower-case hex."""
        return self.identity.fingerprint

    def present(self) -> Identity:
        if self._twin is None:
            return self.identity
        self._twins_turn = not self._twins_turn
        return self._twin if self._twins_turn else self.identity

    def flap(self, on: bool = True) -> None:
        """Present two certificates of one subject in turn, as a half-finished cluster does."""
        self._twin = self.lab.identity(self.identity.subject, self.hosts) if on else None
        self._twins_turn = False

    async def renew(self, subject: str | None = None, key: Literal["new", "same"] = "new") -> Identity:
        """A new certificate, in effect when this returns: the restart is part of it."""
        name = x509.Name.from_rfc4514_string(subject) if subject else self.identity.subject
        identity = self.renewed(name, self.identity.key if key == "same" else new_key(self.lab.settings.key_type))
        await self._restart(identity)
        await self.lab.tell("renew", self)
        return identity

    def renewed(self, name: x509.Name, key: PrivateKey) -> Identity:
        return self.lab.identity(name, self.hosts, key)

    @abstractmethod
    async def redeploy(self) -> None:
        """Deploy the server again: everything that was its own is new."""

    @abstractmethod
    async def _restart(self, identity: Identity) -> None: ...
