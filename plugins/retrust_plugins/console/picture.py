"""A site as a picture: holders on the left, endpoints on the right, each pin an edge coloured by its verdict.

Pure: places are computed here, ``pages/_picture.html`` draws them. A verdict is told by colour, by stroke and by
word, so that none of them alone is needed; the table beside the drawing says the same in text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from retrust.models import Baseline, Endpoint, Finding, Grade, Relation, Snapshot, Verdict

WIDTH, LEFT, LEFT_WIDTH, RIGHT, RIGHT_WIDTH = 860, 12, 190, 600, 248
SLOT, LEAST, GAP, TOP = 30, 52, 16, 12
SIGNS = {"fresh": "✓", "stale": "✗", "contradicted": "!", "unproven": "?", "self": "·", "unknown": "·"}


@dataclass(frozen=True)
class Edge:
    """One pin; ``verdict`` is its verdict, or ``contradicted`` where its evidence is."""

    holder: str
    key: str
    verdict: str
    subject: str = ""
    presented: str | None = None
    reasons: tuple[str, ...] = ()
    endpoint: str | None = None


@dataclass
class Box:
    title: str
    detail: str = ""
    y: float = 0
    height: float = LEAST
    anchors: list[float] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Line:
    path: str
    edge: Edge
    y: float


@dataclass(frozen=True)
class Picture:
    """``seen_at`` is when this was so; ``source`` says whence it is known."""

    site: str
    seen_at: datetime
    source: str
    edges: tuple[Edge, ...]
    relations: Mapping[str, Relation | None]
    left: Sequence[Box]
    right: Sequence[Box]
    lines: Sequence[Line]
    height: float
    names: Mapping[Any, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many pins have each verdict, the worst first."""
        order = ("contradicted", "stale", "unproven", "unknown", "self", "fresh")
        found = {name: sum(e.verdict == name for e in self.edges) for name in order}
        return {name: count for name, count in found.items() if count}

    @property
    def summary(self) -> str:
        said = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return f"{len(self.edges)} pins: {said}" if said else "no pins"


def of_snapshot(snapshot: Snapshot, nodes: Mapping[str, Endpoint], source: str) -> Picture:
    edges = tuple(_edge(finding) for finding in snapshot.findings)
    return _placed(snapshot.site, snapshot.observed_at, source, edges, nodes, snapshot.relations, snapshot.problems)


def _edge(finding: Finding) -> Edge:
    is_contradicted = finding.evidence.grade is Grade.CONTRADICTED
    return Edge(
        holder=finding.pin.holder,
        key=finding.pin.key,
        subject=finding.pin.subject.strip(),
        verdict="contradicted" if is_contradicted else finding.verdict.value,
        presented=finding.presented.fingerprint if finding.presented else None,
        reasons=finding.reasons,
        endpoint=str(finding.endpoint) if finding.endpoint and finding.verdict is not Verdict.SELF else None,
    )


def of_baselines(site: str, baselines: Iterable[Baseline], nodes: Mapping[str, Endpoint]) -> Picture | None:
    """What was last verified, for a site that never had a case; None where nothing was."""
    known = list(baselines)
    if not known:
        return None
    edges = tuple(
        Edge(b.holder, b.key, "fresh", b.subject, b.fingerprint, (f"verified {b.verified_at:%Y-%m-%d}",)) for b in known
    )
    return _placed(site, max(b.verified_at for b in known), "last verified", edges, nodes, {}, ())


def _placed(
    site: str,
    seen_at: datetime,
    source: str,
    edges: tuple[Edge, ...],
    nodes: Mapping[str, Endpoint],
    relations: Mapping[str, Relation | None],
    problems: tuple[str, ...],
) -> Picture:
    names = {str(endpoint): node for node, endpoint in nodes.items()}
    left: dict[str, Box] = {edge.holder: Box(edge.holder) for edge in edges}
    right: dict[str, Box] = {}
    for edge in edges:
        right.setdefault(_far(edge), _far_box(edge, names)).anchors.append(0)
    height = max(_stack(right.values(), SLOT), _stack(left.values(), 0))
    _spread(left.values(), height)
    _spread(right.values(), height)
    lines = [_line(edge, left[edge.holder], right[_far(edge)], used) for used, edge in _numbered(edges)]
    return Picture(
        site,
        seen_at,
        source,
        edges,
        relations,
        list(left.values()),
        list(right.values()),
        lines,
        height + TOP,
        names,
        problems,
    )


def _far(edge: Edge) -> str:
    return edge.endpoint or (f"{edge.holder} itself" if edge.verdict == "self" else edge.key)


def _far_box(edge: Edge, names: Mapping[str, str]) -> Box:
    if edge.endpoint is None:
        return Box(_far(edge), "its own address" if edge.verdict == "self" else "")
    node = names.get(edge.endpoint)
    return Box(node, edge.endpoint) if node else Box(edge.endpoint)


def _stack(boxes: Iterable[Box], slot: int) -> float:
    """Give each box the height its edges need; how high they are together."""
    y = float(TOP)
    for box in boxes:
        box.height = max(LEAST, slot * len(box.anchors) + 8)
        y += box.height + GAP
    return y


def _spread(boxes: Iterable[Box], height: float) -> None:
    """Boxes in their order, with the room that is left shared between them."""
    placed = list(boxes)
    room = height - TOP - sum(box.height for box in placed)
    gap = room / max(1, len(placed))
    y = TOP + (gap - GAP) / 2
    for box in placed:
        box.y = y
        y += box.height + gap
        count = len(box.anchors)
        box.anchors = [box.y + box.height * (2 * n + 1) / (2 * count) for n in range(count)]


def _numbered(edges: Iterable[Edge]) -> Iterable[tuple[int, Edge]]:
    """Each edge with its number among those that end at the same box."""
    used: dict[str, int] = {}
    for edge in edges:
        number = used.get(_far(edge), 0)
        used[_far(edge)] = number + 1
        yield number, edge


def _line(edge: Edge, left: Box, right: Box, number: int) -> Line:
    x1, x2, y = LEFT + LEFT_WIDTH, RIGHT - 110, right.anchors[number]
    bend = (x2 - x1) / 2
    path = (
        f"M{x1:.0f} {left.middle:.1f} C{x1 + bend:.0f} {left.middle:.1f} {x2 - bend:.0f} {y:.1f} {x2:.0f} {y:.1f}"
        f" H{RIGHT}"
    )
    return Line(path, edge, y)
