"""What each host says, scanned for failures.

A host that says nothing of interest costs its last few kilobytes: a scanner is made only where an anchor
stands, and let go of when the host rests.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from retrust.logs import CONTEXT, Scanner
from retrust.models import Level
from retrust.signatures import LogSignature, Match

HOSTS = 2000
"""Hosts whose last words are kept; who was silent longest is forgotten first."""


class Connected(NamedTuple):
    """Who a message comes from: the address that sent it, and the host that its header names.

    ``level`` is what the listener knows of them: anybody can write a datagram with any name in it.
    """

    address: str
    host: str | None
    level: Level


class _Stream:
    def __init__(self) -> None:
        self.tail = b""
        self.scanner: Scanner | None = None


class Streams:
    """``feed`` gives failures as they are complete, ``rest`` those that were pending."""

    def __init__(self, signatures: Sequence[LogSignature]) -> None:
        self._signatures = tuple(signatures)
        self._anchors = tuple(signature.anchor for signature in signatures)
        self._streams: OrderedDict[Connected, _Stream] = OrderedDict()

    @property
    def pending(self) -> bool:
        return any(stream.scanner is not None for stream in self._streams.values())

    def feed(self, speaker: Connected, data: bytes) -> list[Match]:
        stream = self._streams.get(speaker)
        if stream is None:
            stream = self._streams[speaker] = _Stream()
            if len(self._streams) > HOSTS:
                self._streams.popitem(last=False)
        self._streams.move_to_end(speaker)
        if stream.scanner is None and self._tells(stream.tail[-128:] + data):
            stream.scanner = Scanner(self._signatures)
            stream.scanner.feed(stream.tail)
            stream.scanner.flush()  # what the tail tells of was told
        stream.tail = (stream.tail + data)[-CONTEXT:] if len(data) < CONTEXT else data[-CONTEXT:]
        return stream.scanner.feed(data) if stream.scanner is not None else []

    def _tells(self, data: bytes) -> bool:
        return any(anchor in data for anchor in self._anchors)

    def rest(self) -> Iterator[tuple[Connected, list[Match]]]:
        """Everybody rests: what is pending is told, and the scanners are let go of."""
        for speaker, stream in self._streams.items():
            if stream.scanner is not None:
                matches, stream.scanner = stream.scanner.flush(), None
                yield speaker, matches
