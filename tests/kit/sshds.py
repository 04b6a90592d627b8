"""OpenSSH's own server and client on loopback: one server for each set of host keys, and ssh as the judge."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
HERE = "127.0.0.1"


@dataclass
class Sshd:
    """A server whose host keys are in ``folder``, by their file names; one process serves each connection."""

    folder: Path
    address: str = HERE
    config: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.listener = socket.create_server((self.address, 0), family=family)
        self.port: int = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def name(self) -> str:
        return f"[{self.address}]:{self.port}"

    def key(self, name: str) -> str:
        """A public key of the folder: its type and its text."""
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.processes.append(
                    subprocess.Popen(
                        [str(SSHD), "-i", "-f", self.folder / "sshd_config"],
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        stderr=subprocess.DEVNULL,
                    )
                )

    @contextlib.contextmanager
    def running(self) -> Iterator[Sshd]:
        (self.folder / "sshd_config").write_text(f"UsePAM no\nStrictModes no\nPidFile none\n{self.config}")
        self.thread.start()
        try:
            yield self
        finally:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.thread.join()
            for process in self.processes:
                process.kill()
                process.wait()


def keygen(*arguments: object) -> None:
    subprocess.run(["ssh-keygen", "-q", *map(str, arguments)], check=True, capture_output=True)


def make_key(path: Path, key_type: str) -> None:
    keygen("-t", key_type, *(("-b", 2048) if key_type == "rsa" else ()), "-N", "", "-C", "", "-f", path)


def make_server(
    folder: Path,
    *key_types: str,
    names: str | None = None,
    options: tuple[str, ...] = (),
    address: str = HERE,
    config: str = "",
    authority: str = "ed25519",
) -> Sshd:
    """A server with these keys; with ``names``, the first has a certificate of the authority ``ca``."""
    folder.mkdir()
    for key_type in key_types:
        make_key(folder / key_type, key_type)
        config += f"HostKey {folder / key_type}\n"
    if names is not None:
        make_key(folder / "ca", authority)
        keygen(
            "-s",
            folder / "ca",
            "-h",
            "-I",
            "host",
            *(("-n", names) if names else ()),
            *options,
            folder / f"{key_types[0]}.pub",
        )
        config += f"HostCertificate {folder / key_types[0]}-cert.pub\n"
    return Sshd(folder, address, config)


def accepts(host: str, port: int, *stores: Path) -> bool:
    """Whether ssh connects to ``host`` without a question, by these files."""
    asked = subprocess.run(
        [
            "ssh",
            "-F",
            "none",
            "-4" if ":" not in host else "-6",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            f"UserKnownHostsFile={' '.join(map(str, stores))}",
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            "PreferredAuthentications=none",
            "-p",
            str(port),
            f"nobody@{host}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    if "Permission denied" in asked.stderr:
        return True
    assert "verification failed" in asked.stderr or "no matching host key" in asked.stderr, asked.stderr
    return False


@cache
def other(key_type: str = "ed25519") -> str:
    """The key of nobody's server: its type and its text."""
    import asyncssh

    kind = {"ed25519": "ssh-ed25519", "ecdsa": "ecdsa-sha2-nistp256", "rsa": "ssh-rsa"}[key_type]
    options = {"key_size": 2048} if key_type == "rsa" else {}
    return " ".join(asyncssh.generate_private_key(kind, **options).export_public_key().decode().split()[:2])


def hashed(name: str) -> str:
    """A name as ``HashKnownHosts`` writes it."""
    salt = hashlib.sha1(name.encode()).digest()
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
