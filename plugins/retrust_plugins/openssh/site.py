"""A site of OpenSSH clients as the inventory tells it: whose ``known_hosts``, and which servers.

::

    sites:
      bastions:
        target: openssh
        holders:
          bastion: {host: 10.0.0.5, path: .ssh/known_hosts, ssh: {username: ops, …}}
          here: {path: ~/.ssh/known_hosts}
        peers:
          web1: {host: 10.0.0.21, aliases: [web1, web1.example.com]}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import Field

from retrust.inventory import Host, Part, Port, Site, SshSettings, Text, Wrong
from retrust.models import Endpoint

NodeName = Annotated[str, Field(pattern=r"^[^\s:]+$")]
"""No colon: an edge is written ``holder:key``."""


class Holder(Part):
    """A machine with a known_hosts file: reached over ``ssh``, or this machine where there is none."""

    host: Host | None = Field(default=None, description="Its address; may be left out for this machine.")
    path: Text = Field(default=".ssh/known_hosts", description="Relative to the login's home folder.")
    ssh: SshSettings | None = None

    def rules(self) -> Iterable[Wrong]:
        if self.ssh is not None and self.host is None and self.ssh.address is None:
            yield ("host",), "is needed to reach it over ssh"


class Peer(Part):
    """An SSH server; ``aliases`` are the other names under which known_hosts files hold its keys.

    A line that also holds a name which is not among them is left alone.
    """

    host: Host
    port: Port = 22
    aliases: tuple[Host, ...] = ()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(host=self.host, port=self.port)

    @property
    def names(self) -> tuple[str, ...]:
        """Its names as OpenSSH looks them up: with the port where that is not 22."""
        hosts = dict.fromkeys(host.lower() for host in (self.host, *self.aliases))
        return tuple(hosts if self.port == 22 else (f"[{host}]:{self.port}" for host in hosts))


class OpenSshSite(Site):
    holders: dict[NodeName, Holder] = Field(min_length=1)
    peers: dict[NodeName, Peer] = Field(min_length=1)

    def endpoints(self) -> Mapping[str, Endpoint]:
        return {name: peer.endpoint for name, peer in self.peers.items()}

    def rules(self) -> Iterable[Wrong]:
        yield from super().rules()
        yield from self._name_each_peer_once()

    def _name_each_peer_once(self) -> Iterator[Wrong]:
        owner: dict[str, str] = {}
        for name, peer in self.peers.items():
            for known in peer.names:
                if owner.setdefault(known, name) != name:
                    yield ("peers", name), f"is known as {known}, and so is {owner[known]}"
