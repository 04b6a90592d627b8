"""How OpenSSH's client decides by its known_hosts files: which key it asks for, and whether it takes what it is shown.

Pure, after ``hostfile.c``, ``sshconnect.c`` and ``sshconnect2.c``; the tests ask ``ssh`` itself. It is the client
without settings of its own: HostKeyAlgorithms, CheckHostIP, RevokedHostKeys and the like stand in other files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from asyncssh.public_key import (
    CERT_TYPE_HOST,
    SSHOpenSSHCertificate,
    decode_ssh_certificate,
    decode_ssh_public_key,
)
from cryptography.exceptions import UnsupportedAlgorithm

from retrust_plugins.openssh.known_hosts import AUTHORITY, REVOKED, HostLine, Listing, key_type_of, name_at, type_of

_CERTIFIED = "-cert-v01@openssh.com"
PLAIN = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
ALGORITHMS = (*(name.removesuffix("@openssh.com") + _CERTIFIED for name in PLAIN), *PLAIN)
"""What the client asks for, the most liked first, where nothing is known of a host."""

NO_KEY = (ValueError, ArithmeticError, UnsupportedAlgorithm)
"""What asyncssh, and cryptography below it, raise for bytes that are no key."""


@dataclass(frozen=True)
class Answer:
    """``line`` is the one that decided, where there is one; ``why`` is a certificate's fault."""

    status: Literal["accepted", "changed", "revoked", "unknown"]
    line: HostLine | None = None
    why: str = ""


def asked_for(known: Listing, host: str, port: int) -> tuple[str, ...]:
    """The algorithms that the client asks this server for, in order: what it knows of the host comes first."""
    lines = _readable(known.covering(name_at(host, port)))
    first: dict[str, HostLine] = {}
    for line in lines:
        if not line.marker:
            first.setdefault(key_type_of(line.blob), line)
    known_types = {kind for kind, line in first.items() if not _is_revoked(lines, line.blob)}
    if PLAIN[0] in known_types:
        return ALGORITHMS
    authority = any(line.marker == AUTHORITY for line in lines)
    liked = [name for name in ALGORITHMS if (authority and _CERTIFIED in name) or _plain_type(name) in known_types]
    return (*liked, *(name for name in ALGORITHMS if name not in liked))


def _plain_type(algorithm: str) -> str:
    plain = algorithm.removesuffix(_CERTIFIED)
    return type_of(plain if plain in PLAIN else f"{plain}@openssh.com")


def decide(known: Listing, host: str, port: int, shown: bytes) -> Answer:
    """Whether the client, that was called with this host and port, takes the key or certificate it is shown."""
    certificate = _certificate(shown)
    return _decide(known, host, port, plain_key(shown), [certificate, None] if certificate else [None])


def plain_key(shown: bytes) -> bytes:
    """The key itself, where a certificate is shown."""
    certificate = _certificate(shown)
    return certificate.key.public_data if certificate else shown


def _certificate(shown: bytes) -> SSHOpenSSHCertificate | None:
    try:
        return cast("SSHOpenSSHCertificate", decode_ssh_certificate(shown))
    except NO_KEY:
        return None


def _decide(known: Listing, host: str, port: int, key: bytes, forms: Sequence[SSHOpenSSHCertificate | None]) -> Answer:
    """The certificate is tried first, then its plain key; a name with a port that nobody knows, then without one."""
    lines = _readable(known.covering(name_at(host, port)))
    fault = ""
    for number, certificate in enumerate(forms):
        found = _of_certificate(lines, certificate, host) if certificate else _of_key(lines, key)
        fault = fault or found.why
        if found.status in ("accepted", "revoked"):
            return found
        if found.status == "unknown" and port != 22:
            bare = _decide(known, host, 22, key, forms[number:])
            if bare.status == "accepted":
                return bare
            found = Answer("unknown", bare.line)
    return Answer(found.status, found.line, fault)


def _of_key(lines: Sequence[HostLine], key: bytes) -> Answer:
    if _is_revoked(lines, key):
        return Answer("revoked")
    plain = [line for line in lines if not line.marker]
    for line in plain:
        if line.blob == key:
            return Answer("accepted", line)
    return Answer("changed", plain[-1]) if plain else Answer("unknown")


def _of_certificate(lines: Sequence[HostLine], certificate: SSHOpenSSHCertificate, host: str) -> Answer:
    signed_by = certificate.signing_key.public_data
    if _is_revoked(lines, certificate.key.public_data, signed_by):
        return Answer("revoked")
    authorities = [line for line in lines if line.marker == AUTHORITY]
    ours = next((line for line in authorities if line.blob == signed_by), None)
    if ours is None:
        return Answer("unknown")
    try:
        certificate.validate(CERT_TYPE_HOST, name_at(host))
    except ValueError as exc:
        return Answer("changed", ours, f"its certificate is not valid for {host}: {exc}")
    if signed_by.startswith(b"\0\0\0\x07ssh-rsa") and b"\x0crsa-sha2-" not in certificate.public_data:
        return Answer("changed", ours, "its certificate is signed with SHA-1")
    return Answer("accepted", ours)


def _is_revoked(lines: Sequence[HostLine], *keys: bytes) -> bool:
    return any(line.marker == REVOKED and line.blob in keys for line in lines)


def _readable(lines: Sequence[HostLine]) -> list[HostLine]:
    return [line for line in lines if _can_be_read(line)]


def _can_be_read(line: HostLine) -> bool:
    """OpenSSH leaves out a line whose key is not one, such as a point that is on no curve."""
    try:
        (decode_ssh_certificate if _CERTIFIED in key_type_of(line.blob) else decode_ssh_public_key)(line.blob)
    except NO_KEY:
        return False
    return True
