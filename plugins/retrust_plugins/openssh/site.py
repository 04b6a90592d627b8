"""A site of OpenSSH clients as the inventory tells it: whose ``known_hosts``, and which servers.

::

    sites:
      bastions:
        target: openssh
        holders:
          bastion: {host: 10.0.0.5, path: .ssh/known_hosts, ssh: {username: ops, …}}
          here: {path: [~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts], peers: [web1]}
        peers:
          web1: {host: 10.0.0.21, aliases: [web1, web1.example.com]}
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated

from pydantic import Field

from retrust.inventory import Host, Part, Port, Site, SshSettings, Texts, Wrong
from retrust.models import Endpoint
from retrust_plugins.openssh.known_hosts import name_at

NodeName = Annotated[str, Field(pattern=r"^[^\s:]+$")]
"""No colon: an edge is written ``holder:key``."""
_PRINTED = re.compile(r"(?:[0-9]+ )?SHA256:([A-Za-z0-9+/]{43})=?(?: .*)?")


class Holder(Part):
    """A machine with a known_hosts file: reached over ``ssh``, or this machine where there is none."""

    host: Host | None = Field(default=None, description="Its address; may be left out for this machine.")
    path: Texts = Field(
        default=(".ssh/known_hosts",),
        min_length=1,
        description="Its known_hosts files in the order in which ssh reads them, one or a list; relative to the "
        "login's home folder. /etc/ssh/ssh_known_hosts, of all users, is read where it is named.",
    )
    ssh: SshSettings | None = None
    peers: tuple[NodeName, ...] | None = Field(
        default=None, description="The peers that this machine logs in to, and so has to know; all, if left out."
    )

    def is_at(self, peer: Peer) -> bool:
        """Whether the peer is this very machine's SSH server."""
        return peer.host == self.host and peer.port == (self.ssh.port if self.ssh else 22)

    def rules(self) -> Iterable[Wrong]:
        if self.ssh is not None and self.host is None and self.ssh.address is None:
            yield ("host",), "is needed to reach it over ssh"


class Peer(Part):
    """An SSH server; ``aliases`` are the other names by which holders reach it, and known_hosts files hold its keys.

    A line that also holds a name which is not among them is left alone.
    """

    host: Host
    port: Port = 22
    aliases: tuple[Host, ...] = ()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(host=self.host, port=self.port)

    @property
    def hosts(self) -> tuple[str, ...]:
        """What people call it, without the port."""
        return tuple(dict.fromkeys(name_at(host) for host in (self.host, *self.aliases)))

    @property
    def names(self) -> tuple[str, ...]:
        """Its names as OpenSSH looks them up."""
        return tuple(name_at(host, self.port) for host in self.hosts)


class OpenSshSite(Site):
    holders: dict[NodeName, Holder] = Field(min_length=1)
    peers: dict[NodeName, Peer] = Field(min_length=1)

    def endpoints(self) -> Mapping[str, Endpoint]:
        return {name: peer.endpoint for name, peer in self.peers.items()}

    def read_fingerprint(self, text: str) -> str:
        """As ``ssh-keygen -l`` prints it: the fingerprint alone, or the whole line."""
        printed = _PRINTED.fullmatch(text.strip())
        return f"SHA256:{b64decode(printed[1] + '=').hex()}" if printed else super().read_fingerprint(text)

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """Each name, as OpenSSH looks it up, and the peer that has it."""
        return {known: name for name, peer in self.peers.items() for known in peer.names}

    def known_by(self, holder: str) -> Mapping[str, Peer]:
        """The peers that a holder has to know."""
        kept = self.holders[holder]
        return {
            name: peer
            for name, peer in self.peers.items()
            if (kept.peers is None or name in kept.peers) and not kept.is_at(peer)
        }

    def rules(self) -> Iterable[Wrong]:
        yield from super().rules()
        yield from self._name_each_peer_once()
        for name, holder in self.holders.items():
            for peer in holder.peers or ():
                if peer not in self.peers:
                    yield ("holders", name, "peers"), f"{peer} is no peer of this site"

    def _name_each_peer_once(self) -> Iterator[Wrong]:
        owner: dict[str, str] = {}
        for name, peer in self.peers.items():
            for known in peer.names:
                if owner.setdefault(known, name) != name:
                    yield ("peers", name), f"is known as {known}, and so is {owner[known]}"
