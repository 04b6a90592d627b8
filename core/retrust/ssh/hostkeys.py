"""Which host keys a node may show, and in which order it is asked for them.

A server with several keys shows the one that the client asks for first. Where the inventory names another
of them, the others are asked for, one connection each, before a change is reported; what worked is
remembered for the process. Pure but for reading ``known_hosts``; the connections are made in ``login``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncssh

from retrust.errors import ChangedIdentity, InventoryError, Refused
from retrust.ssh.access import SshAccess

CERTIFICATE = "certificate"
KEY_TYPES: dict[str, tuple[str, ...]] = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
}
_SIGNATURES = {
    **KEY_TYPES,
    CERTIFICATE: tuple(f"{name}-cert-v01@openssh.com" for names in KEY_TYPES.values() for name in names),
}
_worked: dict[tuple[str, int], str] = {}  # address and port → the type of key that was accepted there


@dataclass(frozen=True)
class Trusted:
    """What the inventory says of one node. ``types`` are the key types it names, empty if it cannot tell."""

    node: str
    fingerprints: frozenset[str]
    authorities: frozenset[str] = frozenset()
    revoked: tuple[asyncssh.SSHKey, ...] = ()
    types: tuple[str, ...] = ()

    @property
    def expected(self) -> tuple[str, ...]:
        return (
            *sorted(self.fingerprints),
            *(f"a certificate of {authority}" for authority in sorted(self.authorities)),
        )


def trusted(access: SshAccess) -> Trusted:
    """What is trusted of this node, or an error that says what the inventory lacks."""
    fingerprints = frozenset(_fingerprint(access, text) for text in access.host_keys)
    if access.known_hosts is None:
        if not fingerprints:
            raise InventoryError("no SSH host key is named", where=access.node, hint="set host_key or known_hosts")
        return Trusted(access.node, fingerprints)
    keys, authorities, revoked = _known(access)
    return Trusted(
        access.node,
        fingerprints | {key.get_fingerprint() for key in keys},
        frozenset(key.get_fingerprint() for key in authorities),
        tuple(revoked),
        () if fingerprints else tuple(dict.fromkeys(key.get_algorithm() for key in keys)),
    )


def _fingerprint(access: SshAccess, text: str) -> str:
    if not text.startswith("SHA256:"):
        raise InventoryError(
            f"{text!r} is no host key fingerprint",
            where=access.node,
            hint="write it as OpenSSH prints it: SHA256: and Base64",
        )
    return text.strip().rstrip("=")


def _known(access: SshAccess) -> tuple[Sequence[asyncssh.SSHKey], ...]:
    """Keys, authorities and revoked keys of the node in its ``known_hosts`` file."""
    host = access.host or access.address
    try:
        hosts = asyncssh.read_known_hosts(str(access.known_hosts))
        keys, authorities, revoked = asyncssh.match_known_hosts(
            hosts, host, "", access.port if access.port != 22 else None
        )[:3]
    except (OSError, ValueError) as exc:
        raise InventoryError(f"cannot read {access.known_hosts}: {exc}", where=access.node) from exc
    if not keys and not authorities and not access.host_keys:
        raise InventoryError(
            f"{access.known_hosts} names no key of {host}",
            where=access.node,
            hint="add the host's key there, compared out of band",
        )
    return keys, authorities, revoked


@dataclass
class Asking:
    """Which key types to ask for next, given what was shown so far."""

    trusted: Trusted
    place: tuple[str, int]
    shown: dict[str, str] = field(default_factory=dict)  # key type → fingerprint, refused
    types: list[str] = field(default_factory=list)
    widened: bool = False  # whether types are asked for that the inventory does not name

    def __post_init__(self) -> None:
        authorities = [CERTIFICATE] if self.trusted.authorities else []
        by_authority_alone = bool(authorities) and not self.trusted.fingerprints
        plain = self.trusted.types if self.trusted.types or by_authority_alone else tuple(KEY_TYPES)
        self.types = [*authorities, *plain]
        if (first := _worked.get(self.place)) in self.types:
            self.types.sort(key=lambda name: name != first)
        self.widened = not self.narrowed

    @property
    def algorithms(self) -> list[str]:
        return [algorithm for name in self.types for algorithm in _SIGNATURES[name]]

    @property
    def narrowed(self) -> bool:
        """Whether fewer types are asked for than there are, so that a server may have none of them."""
        return not set(KEY_TYPES) <= set(self.types)

    def worked(self, name: str) -> None:
        _worked[self.place] = name

    def refused(self, name: str, fingerprint: str) -> None:
        """This key is not the one named: ask for the other types, or raise when all were shown."""
        self.shown[name] = fingerprint
        self.types = [kind for kind in self.types if kind not in self.shown]
        if not self.types:
            self.missing()

    def missing(self) -> None:
        """The server has none of the types asked for: look once at what it has, or report the change."""
        if not self.widened and not self.shown.keys() & KEY_TYPES.keys():
            self.widened, self.types = True, list(KEY_TYPES)
        elif self.shown:
            raise self.changed()
        else:
            raise Refused("the server shows no host key of a known type", where=self.trusted.node)

    def changed(self) -> ChangedIdentity:
        first, *others = [print_ for name, print_ in self.shown.items() if name != CERTIFICATE] or list(
            self.shown.values()
        )
        also = f"; the server also showed {' and '.join(others)}" if others else ""
        return ChangedIdentity(
            "host key",
            node=self.trusted.node,
            expected=self.trusted.expected,
            presented=first,
            hint=f"no password was sent; compare it out of band{also}",
        )
