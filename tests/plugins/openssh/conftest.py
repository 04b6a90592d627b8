"""SSH servers on loopback: peers whose host keys change, and holders that keep a known_hosts file."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest
from pydantic import SecretStr

from retrust.models import Endpoint
from retrust.secrets.redaction import Redactor
from retrust.secrets.stores import Secrets
from retrust.target import Services
from retrust_plugins.openssh.site import OpenSshSite
from retrust_plugins.openssh.target import OpenSsh

PASSWORD = "planted-secret"


class Gatekeeper(asyncssh.SSHServer):
    """Lets one password in, and channels where the holder's ``reaches`` leads them."""

    def __init__(self, node: SshNode) -> None:
        self._node = node

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._node.visitors += 1
        self._node.most_visitors = max(self._node.visitors, self._node.most_visitors)

    def connection_lost(self, exc: Exception | None) -> None:
        self._node.visitors -= 1

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD

    def connection_requested(self, dest_host, dest_port, orig_host, orig_port):
        if not self._node.channels:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "forwarding is off")
        return self._connection.forward_connection("127.0.0.1", self._node.reaches.get(dest_port, dest_port))


class Files(asyncssh.SFTPServer):
    """The files below a node's home folder; files that are ``read_only`` are not written, as on a read-only disk."""

    def __init__(self, chan, node: SshNode) -> None:
        super().__init__(chan, chroot=str(node.home).encode())
        self._node = node

    def open(self, path, pflags, attrs):
        if path.split(b"/")[-1].decode() in self._node.read_only and pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("read-only file system")
        return super().open(path, pflags, attrs)


@dataclass
class SshNode:
    """One SSH server; ``reaches`` maps a port to another one, as an interceptor between two nodes does."""

    home: Path
    keys: list[asyncssh.SSHKey]
    channels: bool = True
    files: bool = True
    read_only: tuple[str, ...] = ()
    visitors: int = 0
    most_visitors: int = 0
    reaches: dict[int, int] = field(default_factory=dict)
    acceptor: asyncssh.SSHAcceptor | None = None

    @property
    def port(self) -> int:
        return self.acceptor.get_port()

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    async def start(self) -> None:
        sftp = (lambda chan: Files(chan, self)) if self.files else None
        self.acceptor = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=lambda: Gatekeeper(self), server_host_keys=self.keys, sftp_factory=sftp
        )

    def renew(self, *key_types: str) -> None:
        """New host keys, as after the server was deployed again."""
        self.keys = [asyncssh.generate_private_key(key_type) for key_type in key_types]
        self.acceptor.update(server_host_keys=self.keys)

    def line(self, names: str, number: int = 0, comment: str = "") -> str:
        key = self.keys[number].export_public_key().decode().split()[:2]
        return " ".join([names, *key, *([comment] if comment else [])])


@pytest.fixture
async def start(tmp_path) -> AsyncIterator:
    """Starts SSH servers, with a home folder each."""
    nodes: list[SshNode] = []

    async def starting(*key_types: str, **options) -> SshNode:
        home = tmp_path / f"node-{len(nodes)}"
        (home / ".ssh").mkdir(parents=True)
        node = SshNode(home, [asyncssh.generate_private_key(t) for t in key_types or ("ssh-ed25519",)], **options)
        await node.start()
        nodes.append(node)
        return node

    yield starting
    for node in nodes:
        node.acceptor.close()
        await node.acceptor.wait_closed()


@dataclass
class World:
    """A holder, a peer, and the site that the inventory makes of them."""

    holder: SshNode
    peer: SshNode
    site: OpenSshSite
    services: Services
    target: OpenSsh = field(default_factory=OpenSsh)

    @property
    def name(self) -> str:
        return f"[127.0.0.1]:{self.peer.port}"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self.peer.port)

    @contextlib.asynccontextmanager
    async def connected(self):
        async with self.target.connect(self.site, self.services) as connection:
            yield connection


@pytest.fixture
async def make_world(start, monkeypatch):
    monkeypatch.setenv("HOLDER_PASSWORD", PASSWORD)

    async def making(*key_types: str, trust: dict | None = None, local: bool = False, **options) -> World:
        holder, peer = await start(**options), await start(*key_types)
        redactor = Redactor(SecretStr(PASSWORD))
        ssh = {
            "port": holder.port,
            "username": "ops",
            "password": "env:HOLDER_PASSWORD",
            "host_key": holder.keys[0].get_fingerprint(),
        }
        settings = {"path": str(holder.known_hosts)} if local else {"host": "127.0.0.1", "ssh": ssh}
        site = OpenSshSite.model_validate(
            {
                "name": "bastions",
                "target": "openssh",
                "holders": {"bastion": settings},
                "trust": trust or {},
                "peers": {"web1": {"host": "127.0.0.1", "port": peer.port, "aliases": ["web1"]}},
            }
        )
        return World(holder, peer, site, Services(secrets=Secrets({}, redactor), redactor=redactor, read_only=False))

    return making
