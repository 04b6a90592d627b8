"""Evidence: is the new certificate the peer's own, and does the holder see that very certificate?

A collector answers one of the two questions for one edge; ``grade`` joins the answers. Collectors are
plugin objects (``retrust_collectors``); the built-in ones live in ``retrust_plugins.evidence``.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from retrust.models import Answers, Baseline, Collected, Endpoint, Evidence, Grade, Pin, Presented, Sighting
from retrust.target import Place


@dataclass(frozen=True)
class Edge:
    """What a collector is asked about: one pin, the certificate we see at its endpoint, what is known of both.

    ``baseline`` is the certificate last verified here, ``sightings`` those since then that are about
    this edge alone, ``ca`` the site's own CA bundle.
    """

    pin: Pin
    place: Place
    presented: Presented
    baseline: Baseline | None
    sightings: tuple[Sighting, ...]
    ca: Path | None


class Eyes(Protocol):
    """Where a collector may look from. Each look is one TLS handshake that sends nothing."""

    async def from_here(self, endpoint: Endpoint) -> Presented:
        """The certificate the endpoint presents to this machine."""
        ...

    async def through(self, node: str, endpoint: Endpoint) -> Presented:
        """The certificate the endpoint presents to a node, through that node's verified SSH session.

        Raises ``ChannelsForbidden`` where there is no such session or it forbids channels.
        """
        ...

    async def otherwise_through(self, node: str, endpoint: Endpoint) -> Sequence[tuple[str, Presented | Exception]]:
        """What else is seen through the same session, each look with the words that name it, in any order.

        The endpoint's name is asked for at each address that it has here, and with the node's own captured hello.
        """
        ...


class Collector:
    """Answers one of the two questions; the answers are sentences for the person who decides."""

    name: str
    answers: Answers

    @abstractmethod
    async def collect(self, edge: Edge, eyes: Eyes) -> Collected:
        """What this collector says of the edge; ``Grade.NONE`` with the reason where it can say nothing."""
        ...

    def supported(self, detail: str) -> Collected:
        return self._say(Grade.SUPPORTED, detail)

    def contradicted(self, detail: str) -> Collected:
        return self._say(Grade.CONTRADICTED, detail)

    def nothing(self, detail: str) -> Collected:
        """No evidence, which speaks neither for nor against."""
        return self._say(Grade.NONE, detail)

    def _say(self, grade: Grade, detail: str) -> Collected:
        return Collected(collector=self.name, answers=self.answers, grade=grade, detail=detail)


def grade(collected: Iterable[Collected]) -> Grade:
    """``proven`` needs both questions answered, any answer is ``supported``; a contradiction outweighs all.

    An old key alone proves nothing, whoever sees it: it may have been stolen.
    """
    said = tuple(collected)
    if any(c.grade is Grade.CONTRADICTED for c in said):
        return Grade.CONTRADICTED
    answered = {c.answers for c in said if c.grade in (Grade.SUPPORTED, Grade.PROVEN)}
    if {Answers.PEERS_OWN, Answers.HOLDER_SEES_IT} <= answered:
        return Grade.PROVEN
    if answered - {Answers.PRECONDITION}:
        return Grade.SUPPORTED
    return Grade.NONE


async def collect(edge: Edge, collectors: Sequence[Collector], eyes: Eyes, extra: Sequence[Collected] = ()) -> Evidence:
    """Ask all collectors at once; one that raises is *not available*, which is no evidence and no error."""
    said = (*extra, *await asyncio.gather(*(_ask(collector, edge, eyes) for collector in collectors)))
    return Evidence(grade=grade(said), collected=said)


async def _ask(collector: Collector, edge: Edge, eyes: Eyes) -> Collected:
    try:
        said: object = await collector.collect(edge, eyes)
    except Exception as exc:
        return collector.nothing(f"not available: {exc}")
    if not isinstance(said, Collected):
        return collector.nothing(f"not available: collect() returned {type(said).__name__}, not Collected")
    return said
