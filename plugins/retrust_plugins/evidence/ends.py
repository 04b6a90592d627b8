"""The two ends of the path: what the peer serves to itself, and what the holder is shown.

Both look through verified SSH sessions, so that whoever stands between two nodes cannot stand in both
places. Together they are the two-ended proof that no interception lies between holder and peer.

Three ways to see nothing are kept apart. A channel that is forbidden is *not available*: the exception is
left to ``retrust.evidence``. A channel that opens and shows no certificate, where this machine is shown
one, is said as that, because a path that treats two lookers differently deserves a person's eye. A session
whose node has changed its identity (``Refused``) contradicts: there is nobody at that end to believe.
"""

from __future__ import annotations

from retrust.errors import Refused, TemporaryError
from retrust.evidence import Collector, Edge, Eyes
from retrust.models import Answers, Collected, Endpoint, Grade, Presented


class _End(Collector):
    """One look through a node's session, compared with what this machine is shown."""

    differs: str

    async def _compare(self, edge: Edge, eyes: Eyes, node: str, endpoint: Endpoint) -> Collected:
        ours = edge.presented.fingerprint
        try:
            theirs = (await eyes.through(node, endpoint)).fingerprint
        except Refused as exc:
            return self.contradicted(f"{node} itself cannot be believed: {exc}")
        except (TemporaryError, OSError) as exc:
            return self.nothing(
                f"not available: {node} gets no certificate from {endpoint} "
                f"({str(exc) or type(exc).__name__}), though this machine sees {ours} at "
                f"{edge.place.endpoint}"
            )
        if theirs == ours:
            return self.supported(f"{node} sees {theirs} at {endpoint}, as this machine does")
        return self.contradicted(
            f"{node} sees {theirs} at {endpoint}, this machine sees {ours} at {edge.place.endpoint}: {self.differs}"
        )


class PeersEnd(_End):
    """The certificate that the peer serves on its own loopback, where no interceptor can stand.

    Another one there contradicts, even if another service may have taken that address: nobody can tell the
    two apart from here, and the cost of a wrong alarm is a person's look.
    """

    name = "peer's end"
    answers = Answers.PEERS_OWN
    differs = "someone answers in its place, or another service listens on its loopback"

    async def collect(self, edge: Edge, eyes: Eyes) -> Collected:
        peer, loopback = edge.place.peer, edge.place.loopback
        if peer is None or loopback is None:
            return self.nothing(f"not available: there is no SSH session to {edge.place.endpoint}'s own node")
        return await self._compare(edge, eyes, peer, loopback)


class HoldersEnd(_End):
    """The certificate that the endpoint presents to the holder, which is the one that will be pinned.

    Asked for by name, at each of the name's addresses, and as the holder's own client asks: who picks one of these
    connections out is seen by the others. Only the first is evidence for the certificate.
    """

    name = "holder's end"
    answers = Answers.HOLDER_SEES_IT
    differs = "one of the two is shown somebody else's"

    async def collect(self, edge: Edge, eyes: Eyes) -> Collected:
        holder, endpoint = edge.pin.holder, edge.place.endpoint
        assert endpoint is not None, "only pins that name an endpoint are asked about"
        said = await self._compare(edge, eyes, holder, endpoint)
        ours, more = edge.presented.fingerprint, []
        for looker, seen in await eyes.otherwise_through(holder, endpoint):
            if not isinstance(seen, Presented):
                more.append(f"{looker} sees no certificate: {seen}")
            elif seen.fingerprint == ours:
                more.append(f"{looker} sees it, too")
            elif said.grade is not Grade.CONTRADICTED:
                said = self.contradicted(
                    f"{looker} sees {seen.fingerprint} at {endpoint}, this machine sees {ours}: {self.differs}"
                )
        return self._say(said.grade, "; ".join((said.detail, *more)))
