"""Finding log signatures in files and live streams, at the speed of a literal search.

Bytes go through one buffer that is filled, searched for each signature's anchor, and filled again; a
signature reads its events only around an anchor. What stands before the anchor, and an event that a block's
end cuts, is carried over. Nothing is split into lines, so neither a line of a megabyte nor a stream without
line ends costs memory. What an event looks like is the signature's business (``retrust.signatures``);
following files and listening is the sources'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from retrust.logs.carriers import Carriers
from retrust.signatures import LogSignature, Match, Window

if TYPE_CHECKING:
    from os import PathLike

BLOCK = 256 * 1024
CONTEXT = 8 * 1024
"""How much is carried over before an anchor: an event's first lines, and the event that a line repeats."""
PATIENCE = 24 * 1024
"""How much is awaited after an anchor before its event is read; ``flush`` reads it at once."""


class Readable(Protocol):
    """A binary stream, best unbuffered."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Scanner:
    """Finds the events of some signatures in one stream.

    An event is never known to be over, so ``feed`` returns events a little later than they come; a live
    source calls ``flush`` when its stream rests and ``pending`` is true. A line that repeats an event
    which was already returned makes no second one.
    """

    def __init__(self, signatures: Iterable[LogSignature]) -> None:
        self._buffer = bytearray(CONTEXT + PATIENCE + BLOCK)
        self._view = memoryview(self._buffer)
        self._end = 0
        self._offset = 0
        self._tracks = [_Track(signature) for signature in signatures]
        self._carriers = Carriers([track.anchor for track in self._tracks])

    @property
    def pending(self) -> bool:
        """Whether an anchor was seen whose event was not returned yet."""
        return any(track.first is not None for track in self._tracks) or self._carriers.pending

    def feed(self, chunk: bytes | bytearray | memoryview) -> list[Match]:
        """Take bytes as they come, cut anywhere; give the events that they complete."""
        matches: list[Match] = []
        taken, rest = 0, memoryview(chunk)
        while taken < len(rest):
            free = self._free()
            part = rest[taken : taken + len(free)]
            free[: len(part)] = part
            taken += len(part)
            matches += self._filled(len(part))
        return matches

    def feed_from(self, stream: Readable) -> list[Match] | None:
        """Like ``feed`` with one read of ``stream``, without a copy; None at its end."""
        count = stream.readinto(self._free())
        return self._filled(count) if count else None

    def flush(self) -> list[Match]:
        """Give the events that are pending, as far as they came; the stream may go on afterwards."""
        return self._put(self._carriers.flush()) + self._search(final=True)

    def _free(self) -> memoryview:
        if len(self._buffer) - self._end < BLOCK // 2:
            self._carry()
        return self._view[self._end :]

    def _filled(self, count: int) -> list[Match]:
        """``count`` bytes were put behind what there is; what carries a log is taken off them first."""
        if not self._carriers.is_plain(self._buffer, self._end, self._end + count):
            return self._put(self._carriers.feed(bytes(self._view[self._end : self._end + count])))
        self._end += count
        return self._search(final=False)

    def _put(self, data: bytes) -> list[Match]:
        matches: list[Match] = []
        taken = 0
        while taken < len(data):
            free = self._free()
            part = data[taken : taken + len(free)]
            free[: len(part)] = part
            taken += len(part)
            self._end += len(part)
            matches += self._search(final=False)
        return matches

    def _search(self, *, final: bool) -> list[Match]:
        matches: list[Match] = []
        for track in self._tracks:
            matches += track.search(self._buffer, self._offset, self._end, final)
        return matches

    def _carry(self) -> None:
        start = max(
            0,
            min(track.needs_from(self._offset, self._end) for track in self._tracks) - CONTEXT
            if self._tracks
            else self._end,
        )
        kept = self._end - start
        self._buffer[:kept] = self._buffer[start : self._end]
        self._offset += start
        self._end = kept


class _Track:
    """How far one signature has searched and read the stream; all places are offsets of the stream."""

    def __init__(self, signature: LogSignature) -> None:
        self._signature = signature
        self.anchor = signature.anchor
        self._searched = 0
        self._read = 0
        self.first: int | None = None

    def needs_from(self, offset: int, end: int) -> int:
        """The index from which the buffer is still needed, context apart."""
        return (self._searched if self.first is None else self.first) - offset

    def search(self, buffer: bytearray, offset: int, end: int, final: bool) -> list[Match]:
        if self.first is None:
            self.first = self._find(buffer, offset, end, self._searched)
        self._searched = max(self._searched, offset + end - len(self.anchor) + 1)
        if self.first is None or not (final or offset + end - self.first >= PATIENCE):
            return []
        matches = self._read_events(buffer, offset, end, final)
        if self.first is not None and offset + end - self.first >= PATIENCE:
            matches += self._read_events(buffer, offset, end, final=True)  # never wait for more than this
        return matches

    def _find(self, buffer: bytearray, offset: int, end: int, start: int) -> int | None:
        found = buffer.find(self.anchor, max(0, start - offset), end)
        return None if found < 0 else offset + found

    def _read_events(self, buffer: bytearray, offset: int, end: int, final: bool) -> list[Match]:
        assert self.first is not None
        start = max(0, self.first - offset - CONTEXT)
        window = Window(
            bytes(memoryview(buffer)[start:end]), offset + start, max(0, self._read - offset - start), final
        )
        reading = self._signature.read(window)
        settled = len(window.data) if final else reading.settled
        self._read = max(self._read, min(window.offset + settled, self._searched))
        self.first = self._find(buffer, offset, end, self._read)
        return reading.matches


def scan_stream(stream: Readable, signatures: Iterable[LogSignature]) -> Iterator[Match]:
    """All events of a stream, to its end."""
    scanner = Scanner(signatures)
    while (matches := scanner.feed_from(stream)) is not None:
        yield from matches
    yield from scanner.flush()


def scan_file(path: str | PathLike[str], signatures: Iterable[LogSignature]) -> Iterator[Match]:
    """All events of a file."""
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - pathlib costs a tenth of a large scan
        yield from scan_stream(stream, signatures)
