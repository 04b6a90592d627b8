"""A plugin's log signature, held so that it stops no scan: what it fails to read is passed over, and said once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from retrust.signatures import LogSignature, Match, Reading, Window

log = logging.getLogger(__name__)


class Contained(LogSignature):
    """Reads as the signature does. ``told`` makes a sentence of what it raises, with the plugin's name."""

    def __init__(self, signature: LogSignature, told: Callable[[Exception], str]) -> None:
        self.name, self.anchor = signature.name, signature.anchor
        self._read = signature.read
        self._told = told
        self._said: set[str] = set()

    def read(self, window: Window) -> Reading:
        try:
            return _understood(self._read(window))
        except Exception as exc:
            if (said := self._told(exc)) not in self._said:
                self._said.add(said)
                log.warning("%s; this piece of the log is read without it", said)
            return Reading([], len(window.data))


def _understood(reading: object) -> Reading:
    if not isinstance(reading, Reading):
        raise TypeError(f"read() returned {type(reading).__name__}, not Reading")
    if not isinstance(reading.settled, int):
        raise TypeError(f"read() settled {reading.settled!r}, expected a number")
    for match in reading.matches:
        if not isinstance(match, Match) or not all(isinstance(x, str | None) for x in (match.dn, match.role)):
            raise TypeError(f"read() found {match!r}, expected a Match whose dn and role are str or None")
        if match.at is not None and (not isinstance(match.at, datetime) or match.at.tzinfo is None):
            raise TypeError(f"read() found an event at {match.at!r}, expected a datetime with a zone, or None")
    return reading
