"""Rows of figures: ours beside a peer's, measured in one run, with the goal for their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison. ``ours`` and ``peer`` are for people, with their units; ``peer`` is empty without one.

    A figure without a goal has an empty one, and counts as met.
    """

    name: str
    ours: str
    peer: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool = True


def at_most(name: str, ours: float, peer: float, limit: float, *, unit: str = "s", peer_name: str = "") -> Row:
    """Ours may take ``limit`` times what the peer takes."""
    ratio = ours / peer
    return Row(
        name,
        f"{ours:.3f} {unit}",
        f"{peer:.3f} {unit} {peer_name}".strip(),
        f"{ratio:.2f} ×",
        f"≤ {limit:g} ×",
        ratio <= limit,
    )


def at_least(name: str, ours: float, peer: float, limit: float, *, unit: str, peer_name: str = "") -> Row:
    """Ours must reach ``limit`` times what the peer reaches."""
    ratio = ours / peer
    return Row(
        name,
        f"{ours:,.0f}{unit}",
        f"{peer:,.0f}{unit} {peer_name}".strip(),
        f"{ratio:.2f} ×",
        f"≥ {limit:g} ×",
        ratio >= limit,
    )


def beside(name: str, ours: float, peer: float, *, unit: str = "s", peer_name: str = "") -> Row:
    """Two figures without a goal for their ratio."""
    return Row(name, f"{ours:.3f} {unit}", f"{peer:.3f} {unit} {peer_name}".strip(), f"{ours / peer:.2f} ×")


def under(name: str, ours: float, limit: float, *, unit: str = "s") -> Row:
    """Ours must stay under a figure of its own."""
    return Row(name, f"{ours:.3f} {unit}", "", "", f"< {limit:g} {unit}", ours < limit)


def over(name: str, ours: float, limit: float, *, unit: str) -> Row:
    """Ours must exceed a figure of its own."""
    return Row(name, f"{ours:,.0f} {unit}", "", "", f"> {limit:,.0f} {unit}", ours > limit)


@dataclass(frozen=True)
class Taken:
    """Seconds: by the clock on the wall, and of this process's CPU."""

    wall: float
    cpu: float


def medians(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Taken]:
    """The median times of each, in turn within every round, so that a noisy moment meets all of them."""
    times: dict[str, list[Taken]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(time_of(work))
    return {
        name: Taken(statistics.median(t.wall for t in taken), statistics.median(t.cpu for t in taken))
        for name, taken in times.items()
    }


def time_of(work: Callable[[], object]) -> Taken:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ours | peer | ratio | goal | met |", "|---|---|---|---|---|---|"]
    lines += [f"| {r.name} | {r.ours} | {r.peer} | {r.ratio} | {r.goal} | {_met(r)} |" for r in rows]
    return "\n".join(lines) + "\n"


def _met(row: Row) -> str:
    if not row.goal:
        return ""
    return "yes" if row.met else "**no**"
