"""A record told in few lines: entries that follow one another and say the same are one line that opens. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from retrust.ledger import Entry

ALIKE = ("sighted", "progress", "snapshot", "attachment", "look-asked", "signed-in", "signed-out")
"""Kinds of which a row is one thing to a reader, whatever each says."""
SHOWN = 50
"""So many of a run a page lists; the ledger and the evidence pack have all."""


@dataclass(frozen=True)
class Run:
    """Entries of one kind by one actor about one case, in the order in which they are shown."""

    entries: tuple[Entry, ...]

    @property
    def first(self) -> Entry:
        return self.entries[0]

    @property
    def shown(self) -> tuple[Entry, ...]:
        return self.entries[:SHOWN]

    @property
    def line(self) -> str:
        if len(self.entries) == 1:
            return self.first.line
        if self.first.kind == "sighted":
            count = sum(entry.sightings for entry in self.entries)
            return f"{count} sightings in {len(self.entries)} entries"
        return f"{self.first.line}, and {len(self.entries) - 1} more of this kind"


def folded(entries: Iterable[Entry]) -> tuple[Run, ...]:
    return tuple(Run(tuple(run)) for _, run in groupby(entries, _alike))


def _alike(entry: Entry) -> tuple[str, str | None, str | None, str]:
    return entry.actor, entry.case, entry.site, entry.kind if entry.kind in ALIKE else f"{entry.kind}: {entry.line}"
