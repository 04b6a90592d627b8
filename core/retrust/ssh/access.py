"""How a node is reached over SSH, and by what it is recognised; made from the inventory by the target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr


@dataclass(frozen=True)
class SshAccess:
    """``node`` is the name in errors. ``host_keys`` are fingerprints as OpenSSH prints them (``SHA256:…``).

    ``known_hosts`` is a file in OpenSSH's format, ``@cert-authority`` and ``@revoked`` lines included;
    ``host`` is the name to look up there, and in certificates, where it is not ``address``. Nothing of the
    user's own ``~/.ssh`` is read; ``key_file`` and ``agent`` (a socket's path) count only when given.
    """

    node: str
    address: str
    username: str
    port: int = 22
    password: SecretStr | None = None
    host_keys: tuple[str, ...] = ()
    known_hosts: Path | None = None
    host: str | None = None
    key_file: Path | None = None
    passphrase: SecretStr | None = None
    agent: Path | None = None

    def __str__(self) -> str:
        return f"{self.username}@{self.address}:{self.port}"
