"""The same with OpenSSH's own server as the holder: its SFTP, its channels, its file rights."""

from __future__ import annotations

import asyncio
import getpass
import shutil
import socket
import subprocess
from pathlib import Path

import asyncssh
import pytest

from retrust.engine import load_plugins
from retrust.models import Grade, Verdict
from retrust.runs.plan import make_plan
from retrust.secrets.redaction import Redactor
from retrust.secrets.stores import Secrets
from retrust.target import Services
from retrust.trust.observation import Known, take_snapshot
from retrust_plugins.openssh.site import OpenSshSite
from retrust_plugins.openssh.target import OpenSsh

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")

COLLECTORS = tuple(load_plugins().collectors.values())


@pytest.fixture
async def sshd(tmp_path):
    """OpenSSH's server for the user who runs the tests: one process a connection, as inetd starts it."""
    if SSHD is None:
        pytest.skip("OpenSSH's server is not installed")
    host_key, login = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    for name, key in (("host", host_key), ("login", login)):
        key.write_private_key(str(tmp_path / name))
        (tmp_path / name).chmod(0o600)
    login.write_public_key(str(tmp_path / "authorized_keys"))
    config = tmp_path / "sshd_config"
    config.write_text(
        f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/authorized_keys\nStrictModes no\n"
        "UsePAM no\nSubsystem sftp internal-sftp\nPermitRootLogin yes\n"
    )
    if (complaint := _complaint(config)) is not None:
        pytest.skip(f"OpenSSH's server cannot run here: {complaint}")
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(_serve(listener, config))
    yield {
        "port": listener.getsockname()[1],
        "username": getpass.getuser(),
        "key_file": str(tmp_path / "login"),
        "host_key": host_key.get_fingerprint(),
    }
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    listener.close()


def _complaint(config: Path) -> str | None:
    tried = subprocess.run([SSHD, "-t", "-f", config], capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode else None


async def _serve(listener: socket.socket, config: Path) -> None:
    listener.setblocking(False)
    started: list[asyncio.subprocess.Process] = []
    try:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            with connection:
                connection.setblocking(True)
                started.append(
                    await asyncio.create_subprocess_exec(
                        SSHD, "-i", "-f", config, stdin=connection, stdout=connection, stderr=asyncio.subprocess.DEVNULL
                    )
                )
    finally:
        for process in started:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@pytest.mark.parametrize("key_type", ["ssh-ed25519", "ecdsa-sha2-nistp256"], ids=["in its place", "appended"])
async def test_heals(sshd, start, tmp_path, key_type):
    """A file behind OpenSSH's own SFTP server is healed, with the holder's view as evidence."""
    peer = await start()
    file = tmp_path / "known_hosts"
    file.write_text(peer.line(f"[127.0.0.1]:{peer.port}") + "\n# the rest\n")
    file.chmod(0o644)
    peer.renew(key_type)
    site = OpenSshSite.model_validate(
        {
            "name": "s",
            "target": "openssh",
            "peers": {"web1": {"host": "127.0.0.1", "port": peer.port}},
            "holders": {"bastion": {"host": "127.0.0.1", "path": str(file), "ssh": sshd}},
        }
    )
    target, redactor = OpenSsh(), Redactor()
    services = Services(secrets=Secrets({}, redactor), redactor=redactor, read_only=False)

    async def nothing() -> None:
        """The lease is ours."""

    async with target.connect(site, services) as connection:
        snapshot = await take_snapshot(target, site, connection, Known(), COLLECTORS, pages=True)
        assert snapshot.findings[0].verdict is Verdict.STALE
        assert snapshot.findings[0].evidence.grade is Grade.SUPPORTED
        (step,) = make_plan(target, site, snapshot).steps
        await connection.send(step, nothing)
        assert (await connection.observe(step, sent=True)).state == "done"
    lines = [line for line in file.read_text().splitlines() if line.strip()]
    assert sorted(lines) == ["# the rest", peer.line(f"[127.0.0.1]:{peer.port}")]
    assert file.stat().st_mode & 0o777 == 0o644
