"""The same against a real OpenSSH server, where the system has one: its ways are not the fake host's."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from retrust.errors import ChangedIdentity, TemporaryError
from retrust.ssh import Dialect, PasswordRefused, SshAccess, connect
from retrust.testing import host_key

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.skipif(SSHD is None or shutil.which("bash") is None, reason="no sshd or bash on this system"),
    pytest.mark.skipif(
        os.name == "posix" and os.getuid() == 0 and not Path("/run/sshd").is_dir(),
        reason="sshd lacks its folder /run/sshd",
    ),
]
BASH = Dialect(prompt=re.compile(r"[\w.-]+/[\w.-]+# ?"))
KEYS = {"ed25519": host_key("ssh-ed25519", "openssh"), "rsa": host_key("ssh-rsa", "openssh")}


@dataclass
class OpenSsh:
    access: SshAccess
    connections: list[subprocess.Popen[bytes]] = field(default_factory=list)


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[OpenSsh]:
    """sshd in its inetd mode, one process a connection, on a port that the system chose."""
    configuration = _configure(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        server = OpenSsh(
            SshAccess(
                node="primary",
                address="127.0.0.1",
                port=listener.getsockname()[1],
                username=getpass.getuser(),
                key_file=tmp_path / "client",
                host_keys=(KEYS["ed25519"].get_fingerprint(),),
            )
        )
        accepting = asyncio.create_task(_accept(listener, configuration, server))
        yield server
        accepting.cancel()
        for process in server.connections:
            process.terminate()
            process.wait(10)


def _configure(folder: Path) -> Path:
    lines = [
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin yes",
        f"AuthorizedKeysFile {folder / 'authorized'}",
        "ForceCommand env PS1='pri/root# ' bash --norc --noprofile -i",
    ]
    for name, key in KEYS.items():
        key.write_private_key(folder / name, "openssh")
        (folder / name).chmod(0o600)
        lines.append(f"HostKey {folder / name}")
    client = host_key("ssh-ed25519", "client")
    client.write_private_key(folder / "client", "openssh")
    client.write_public_key(folder / "authorized")
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    return folder / "sshd_config"


async def _accept(listener: socket.socket, configuration: Path, server: OpenSsh) -> None:
    while True:
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        server.connections.append(_serve(connection, configuration))


def _serve(connection: socket.socket, configuration: Path) -> subprocess.Popen[bytes]:
    assert SSHD is not None
    with connection:
        connection.setblocking(True)
        return subprocess.Popen(
            [str(SSHD), "-i", "-f", str(configuration)],
            stdin=connection.fileno(),
            stdout=connection.fileno(),
            stderr=subprocess.DEVNULL,
        )


async def test_bash_is_spoken_with(sshd: OpenSsh) -> None:
    """A line editor that wraps and switches modes, look-alikes of the prompt, a megabyte."""
    async with connect(sshd.access) as connection, connection.shell(BASH, read_only=False) as shell:
        assert await shell.run("echo hello; echo 'pri/root# x'") == "hello\npri/root# x\n"
        assert await shell.run(f"echo {'x' * 600}") == "x" * 600 + "\n"
        assert await shell.run("seq 200000") == "".join(f"{n}\n" for n in range(1, 200_001))
        with pytest.raises(TemporaryError, match="refused"):
            await connection.open_tunnel("127.0.0.1", 1)
    assert len(sshd.connections) == 1


async def test_the_second_of_its_keys_is_found(sshd: OpenSsh) -> None:
    """The key that the inventory names is asked for when another was shown first."""
    named = (KEYS["rsa"].get_fingerprint(),)
    async with connect(replace(sshd.access, host_keys=named)):
        assert len(sshd.connections) == 2


async def test_a_changed_key_is_told_after_all_were_shown(sshd: OpenSsh) -> None:
    """OpenSSH hangs up without a word where no type of key is common; that is no reset to be tried again."""
    with pytest.raises(ChangedIdentity) as caught:
        async with connect(replace(sshd.access, host_keys=("SHA256:other",))):
            pass
    assert all(key.get_fingerprint() in str(caught.value) for key in KEYS.values())
    assert len(sshd.connections) == 3


async def test_its_refusal_of_a_password_is_final(sshd: OpenSsh) -> None:
    """One connection, one try."""
    with pytest.raises(PasswordRefused):
        async with connect(replace(sshd.access, key_file=None, password=SecretStr("wr0ng-one"))):
            pass
    assert len(sshd.connections) == 1
