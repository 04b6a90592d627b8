"""Whether ssh connects from a holder to a peer: one look for each order in which ssh asks for keys, then its rules.

``client`` has the rules. What is unhealthy says what a person has to do, where it is no pin of ours to replace.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from retrust.errors import PermanentError, Refused, RetrustError, TemporaryError
from retrust.models import Endpoint, Presented, Relation
from retrust.ssh import ChannelsForbidden
from retrust.target import Connection
from retrust.trust import Looks
from retrust_plugins.openssh.client import Answer, asked_for, decide, plain_key
from retrust_plugins.openssh.hostkeys import HostKeys
from retrust_plugins.openssh.known_hosts import Listing, as_openssh_prints, fingerprint, name_at
from retrust_plugins.openssh.site import Peer


def relation(holder: str, peer: str) -> str:
    """Whether this holder's store lets it log in at this peer."""
    return f"ssh:{holder}:{peer}"


@dataclass(frozen=True)
class Looker:
    """Where a relation is looked at from."""

    connection: Connection
    holder: str

    async def see(self, endpoint: Endpoint, algorithms: tuple[str, ...]) -> Presented | RetrustError:
        """What the holder is shown there, or this machine where the holder's view is not to be had."""
        eyes = Looks(self.connection, HostKeys(algorithms))
        try:
            return await eyes.through(self.holder, endpoint)
        except ChannelsForbidden:
            pass
        except Refused:
            raise
        except RetrustError as exc:
            return exc
        try:
            return await eyes.from_here(endpoint)
        except (TemporaryError, PermanentError) as exc:
            return exc


async def relation_of(known: Listing, peer: Peer, looker: Looker) -> Relation:
    """Healthy where ssh connects by some name of the peer, and refuses by none that the store knows."""
    orders = {
        host: asked_for(known, host, peer.port)
        for host in peer.hosts
        if known.covering(name_at(host, peer.port)) or known.covering(name_at(host))
    }
    if not orders:
        return _unknown(peer)
    wanted = list(dict.fromkeys(orders.values()))
    seen = dict(zip(wanted, await asyncio.gather(*(looker.see(peer.endpoint, order) for order in wanted)), strict=True))
    answers = []
    for host, order in orders.items():
        shown = seen[order]
        if isinstance(shown, PermanentError):
            return Relation(
                status="refused",
                healthy=False,
                detail=f"{peer.endpoint} shows no key of a type that ssh asks for: {shown.what}",
            )
        if isinstance(shown, RetrustError):
            return Relation(status="no answer", healthy=None, detail=shown.what)
        answers.append((host, shown.chain[0], decide(known, host, peer.port, shown.chain[0])))
    return _joined(peer, answers)


def _joined(peer: Peer, answers: list[tuple[str, bytes, Answer]]) -> Relation:
    for host, shown, answer in answers:
        if answer.status in ("changed", "revoked"):
            return Relation(status="refused", healthy=False, detail=_why(peer, host, shown, answer))
    if any(answer.status == "accepted" for _, _, answer in answers):
        return Relation(status="accepted", healthy=True)
    return _unknown(peer, answers[0])


def _unknown(peer: Peer, seen: tuple[str, bytes, Answer] | None = None) -> Relation:
    names = " or ".join(peer.names)
    shows = f" and the key that it shows, {_print(seen[1])}" if seen else ""
    why = f"; {seen[2].why}" if seen and seen[2].why else ""
    if seen and seen[2].line:
        why += f"; the line {seen[2].line.hosts!r}, which counts without the port, holds another"
    return Relation(
        status="unknown",
        healthy=False,
        detail=(
            f"no line is for {names}{shows}{why}: ssh asks, or refuses where it is strict; "
            "compare the key out of band and add its line, or leave this peer out of the holder's peers"
        ),
    )


def _why(peer: Peer, host: str, shown: bytes, answer: Answer) -> str:
    if answer.status == "revoked":
        return f"the key that {host} shows, {_print(shown)}, or its authority is marked @revoked"
    line = answer.line
    said = answer.why or f"{host} shows {_print(shown)}, which is not pinned"
    if line is None or line.marker or (not line.has_pattern and _is_ours(peer, line.hosts)):
        return said
    return (
        f"{said}; the line {line.hosts!r} also stands for others, so it is not changed here: write its names as "
        f"aliases of the peer, or change the line by hand"
    )


def _is_ours(peer: Peer, hosts: str) -> bool:
    return hosts.startswith("|") or set(hosts.lower().split(",")) <= set(peer.names)


def _print(shown: bytes) -> str:
    return as_openssh_prints(fingerprint(plain_key(shown)))
