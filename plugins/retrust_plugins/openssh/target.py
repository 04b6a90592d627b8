"""What a known_hosts line is about, and the step that heals it. Pure; ``connection`` does the I/O.

The approved key is written into a stale line, or before the line goes, so that no moment is without a pin: OpenSSH
never gets to trust blindly. The line holds the key itself, so a stale one is known without any baseline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from retrust.errors import PermanentError
from retrust.models import DELETE_PIN, Finding, Pin, Sighting, Snapshot, Step
from retrust.target import Connection, Place, Services, Target
from retrust_plugins.openssh.connection import connect
from retrust_plugins.openssh.hostkeys import HostKeys
from retrust_plugins.openssh.known_hosts import HostLine, as_openssh_prints, hashed_name, key_type_of, name_at, parse
from retrust_plugins.openssh.relations import relation
from retrust_plugins.openssh.site import Holder, OpenSshSite, Peer

REPLACE = "replace"


class OpenSsh(Target[OpenSshSite]):
    name = "openssh"
    first_use = "written"
    site_model = OpenSshSite
    stages = (REPLACE,)

    def holders(self, site: OpenSshSite) -> tuple[str, ...]:
        return tuple(site.holders)

    def warnings(self, site: OpenSshSite) -> tuple[str, ...]:
        if site.trust.tunnels == "never" and any(holder.ssh for holder in site.holders.values()):
            return ("tunnels: never leaves every change at best supported: nobody sees what the holders see",)
        return ()

    def locate(self, site: OpenSshSite, pin: Pin) -> Place:
        """The one peer whose names the line holds, and nobody else's.

        A pattern, or a line that also names a host which is not known to be that peer, is not ours to
        change: the new key was seen at the peer alone.
        """
        entry = entry_of(pin)
        if entry is None or entry.has_pattern:
            return Place("unknown")
        if name := _owner(entry, site.owners):
            return _at(site, pin, name, entry.key_type)
        own = dict.fromkeys(_own_names(site.holders[pin.holder]), "self")
        return Place("self" if _owner(entry, own) else "unknown")

    def peer_of(self, site: OpenSshSite, step: Step) -> Peer:
        """The peer whose line the step replaces."""
        owner = _owner(parse(step.sends[0][2:].encode()).lines[0], site.owners)
        if owner is None:
            raise PermanentError(
                "the line names no peer of this site any more", where=step.holder, hint="nothing was written; run again"
            )
        return site.peers[owner]

    def fits(self, site: OpenSshSite, sighting: Sighting, pin: Pin, place: Place) -> bool:
        return sighting.holder in (None, pin.holder)

    def steps(
        self, site: OpenSshSite, planned: Sequence[Finding], snapshot: Snapshot, deleted: frozenset[str]
    ) -> tuple[Step, ...]:
        return tuple(_replace(finding) for finding in planned if not _is_pinned(finding))

    def connect(self, site: OpenSshSite, services: Services) -> AbstractAsyncContextManager[Connection]:
        return connect(partial(self.peer_of, site), site, services)


def entry_of(pin: Pin) -> HostLine | None:
    lines = parse(pin.line.encode()).lines
    return lines[0] if lines else None


def _owner(entry: HostLine, owners: Mapping[str, str]) -> str | None:
    """Who has all names of the line, each written out or hashed."""
    if entry.hosts.startswith("|"):
        return owners.get(hashed_name(entry.hosts, tuple(owners)) or "")
    found = {owners.get(name) for name in entry.names}
    return found.pop() if len(found) == 1 else None


def _at(site: OpenSshSite, pin: Pin, name: str, key_type: str) -> Place:
    peer, holder = site.peers[name], site.holders[pin.holder]
    if holder.is_at(peer):
        return Place("self")
    about = relation(pin.holder, name) if name in site.known_by(pin.holder) else None
    return Place("endpoint", peer.endpoint, about, prober=HostKeys.liking(key_type))


def _own_names(holder: Holder) -> list[str]:
    hosts = ["localhost", "127.0.0.1", "::1", *([holder.host] if holder.host else [])]
    port = holder.ssh.port if holder.ssh else 22
    return [*map(name_at, hosts), *(f"[{host}]:{port}" for host in hosts)]


def _is_pinned(finding: Finding) -> bool:
    """Whether the line holds the key that is shown, so that there is nothing to write though a person doubts it."""
    entry = entry_of(finding.pin)
    return entry is not None and finding.presented is not None and finding.presented.chain[:1] == (entry.blob,)


def _replace(finding: Finding) -> Step:
    pin, seen, entry = finding.pin, finding.presented, entry_of(finding.pin)
    if seen is None or not seen.chain or entry is None:
        raise PermanentError("the key that would be pinned was not seen", where=pin.edge)
    new = entry.with_key(key_type_of(seen.chain[0]), seen.chain[0])
    return Step(
        id=f"{REPLACE}:{pin.edge}",
        stage=REPLACE,
        kind=DELETE_PIN,
        holder=pin.holder,
        argument=pin.key,
        risk="delete-pin",
        undo=f"put the old line back: {pin.line}",
        sends=(f"- {pin.line}", f"+ {new}"),
        before=f"{pin.holder} pins {as_openssh_prints(entry.fingerprint)} for {finding.endpoint}",
        after=f"{pin.holder} pins {as_openssh_prints(seen.fingerprint)} for {finding.endpoint}",
        expected={pin.edge: seen.fingerprint},
        relation=finding.relation,
    )
