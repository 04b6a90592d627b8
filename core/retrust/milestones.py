"""What goes on within a step, as far as it is worth keeping.

A registration tells its percents by the second; a person who follows a case, now or in an audit, needs its
milestones. So progress is thinned here, once, for everybody who is told: the ledger, the terminal and Prefect.
Steps themselves are recorded by ``retrust.steps``, never thinned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrust.ledger.entries import Progressed
from retrust.target import Progress

if TYPE_CHECKING:
    from retrust.ledger import Entry

STRIDE = 10
"""Percents of one milestone between two that are kept; its first and its end always are."""


@dataclass
class Thinned:
    """Remembers what was told last, of each milestone."""

    _last: dict[str, int | None] = field(default_factory=dict)
    _latest: str = ""

    def is_news(self, progress: Progress) -> bool:
        known, last = progress.what in self._last, self._last.get(progress.what)
        if progress.percent is None:
            news = progress.what != self._latest
        elif not known or last is None or progress.percent < last:
            news = True
        else:
            news = progress.percent - last >= STRIDE or (progress.percent == 100 and last != 100)
        if news:
            self._last[progress.what], self._latest = progress.percent, progress.what
        return news


def milestones_of(entries: Iterable[Entry], digest: str) -> dict[str, dict[str, int | None]]:
    """By step of a plan: how far each of its milestones came, in the order in which they began."""
    found: dict[str, dict[str, int | None]] = {}
    for entry in entries:
        if isinstance(entry.body, Progressed) and entry.body.digest == digest:
            found.setdefault(entry.body.step, {})[entry.body.what] = entry.body.percent
    return found
