"""Rows of figures: ours beside a peer's, measured in one run, with the goal for their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison. ``ours`` and ``peer`` are for people, with their units; ``peer`` is empty without one."""

    name: str
    ours: str
    peer: str
    ratio: str
    goal: str
    met: bool


def at_most(name: str, ours: float, peer: float, limit: float, *, unit: str = "s", peer_name: str = "") -> Row:
    """Ours may take ``limit`` times what the peer takes."""
    ratio = ours / peer
    return Row(name, f"{ours:.3f} {unit}", f"{peer:.3f} {unit} {peer_name}".strip(), f"{ratio:.2f} ×",
               f"≤ {limit:g} ×", ratio <= limit)


def under(name: str, ours: float, limit: float, *, unit: str = "s") -> Row:
    """Ours must stay under a figure of its own."""
    return Row(name, f"{ours:.3f} {unit}", "", "", f"< {limit:g} {unit}", ours < limit)


def over(name: str, ours: float, limit: float, *, unit: str) -> Row:
    """Ours must exceed a figure of its own."""
    return Row(name, f"{ours:,.0f} {unit}", "", "", f"> {limit:,.0f} {unit}", ours > limit)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def medians(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median time of each, in turn within every round, so that a noisy moment meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(seconds(work))
    return {name: statistics.median(taken) for name, taken in times.items()}


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ours | peer | ratio | goal | met |", "|---|---|---|---|---|---|"]
    lines += [f"| {r.name} | {r.ours} | {r.peer} | {r.ratio} | {r.goal} | {'yes' if r.met else '**no**'} |"
              for r in rows]
    return "\n".join(lines) + "\n"
