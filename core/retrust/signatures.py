"""What a log signature is: what a failure looks like in a log, for ``retrust.logs.scanner`` to find.

A signature gives one literal that every event of its kind holds, and reads the events around it. The
scanner does the searching, over blocks, so ``read`` is called only where the literal was found. Signatures
are plugins; none is defined here.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

CUT = "…"
"""What a line ends in, and so a name, that may have been cut there."""
EXCERPT = 500
"""How many characters of an event's raw text are kept."""


class Match(NamedTuple):
    """One event. ``at`` is aware, or None where the line tells no time, or one with two meanings.

    ``dn`` ends in ``CUT`` where it may go on; ``offset`` is in bytes of the stream, its carrier taken off.
    """

    signature: str
    dn: str | None
    role: str | None
    at: datetime | None
    text: str
    offset: int


class Window(NamedTuple):
    """A piece of the stream around one or more anchors.

    ``offset`` is where ``data`` starts in the stream. Anchors that start before ``fresh`` were reported
    earlier and are context, for what repeats them. ``final`` is set when nothing is known to follow.
    """

    data: bytes
    offset: int
    fresh: int
    final: bool


class Reading(NamedTuple):
    """Events that are complete; anchors that start at or after ``settled`` will be shown again."""

    matches: list[Match]
    settled: int


class LogSignature:
    """``name`` is unique among plugins, ``anchor`` a literal that stands in every event, the longer the faster."""

    name: str
    anchor: bytes

    @abstractmethod
    def read(self, window: Window) -> Reading:
        """Read the events in the window; never raises, whatever the bytes are."""
        ...
