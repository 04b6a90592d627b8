"""What carries a log, taken off while it streams: encodings, colours, containers' records, JSON, journal exports.

What comes out are the log's own lines; where the carrier tells a time, it stands before each of its lines, as a
prefix like any other. A line that a carrier cut and never completed ends in ``CUT``, so that no name at its end
passes for a whole one. Whatever is in no carrier stays as it is, and costs a few looks for single bytes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

from retrust.logs.records import Record, lead_of, records_in
from retrust.signatures import CUT

LIMIT = 1024 * 1024
"""How much of one record is awaited."""
FIRST = 64
"""How many bytes a stream shows before its encoding is decided."""
SMALL = 32 * 1024
HEAD = 4 * 1024
"""How much of a larger piece is looked at for a carrier that begins every line."""
NESTED = 4
LEAD = 256
"""How much of what stands before a JSON object is put before each of its lines."""
STREAMS = 16
"""How many lines may be in parts at one time."""

_CRI = re.compile(
    rb"(?P<lead>\d{4}-\d\d-\d\dT[^\s]{8,30} )(?P<stream>stdout|stderr) (?P<tag>[PF])(?::[^\s]*)? "
    rb"(?P<text>.*)\Z",
    re.DOTALL,
)
_CRI_LINE = re.compile(rb"^\d{4}-\d\d-\d\dT[^\s]{8,30} (?:stdout|stderr) [PF]", re.MULTILINE)
_CRI_BEGINS = re.compile(rb"\d{1,4}(?:-(?:\d\d?(?:-(?:\d\d?(?:T[^\s]{0,30}(?: [a-z]{0,6}(?: P?)?)?)?)?)?)?)?\Z")
_JOURNAL = re.compile(rb"^__(?:CURSOR|REALTIME_TIMESTAMP)=", re.MULTILINE)
_FIELD = re.compile(rb"(?P<name>[A-Z_][A-Z0-9_]{0,63})(?:(?P<is_text>=)|\Z)")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-Z]|[@-Z\\^_=>])")
_ESCAPE_BEGINS = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\n]{0,256}\x1b?|[()])?\Z")

_ZEROS = re.compile(rb"\0+")
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Carriers:
    """One stream. ``feed`` gives what can be read so far, ``flush`` what is awaited, as far as it came."""

    def __init__(self, anchors: Sequence[bytes]) -> None:
        self._anchors = tuple(anchors)
        self._decoder: codecs.IncrementalDecoder | None = None
        self._first: bytearray | None = bytearray()
        self._held = bytearray()
        self._rest = b""
        self._parts: dict[str, bytearray] = {}
        self._journal: str | None = None
        self._in_message = False

    @property
    def pending(self) -> bool:
        """Whether something is awaited that holds an anchor."""
        awaited = (self._first or b"", self._held, *self._parts.values())
        return any(anchor in text for text in awaited for anchor in self._anchors)

    def is_plain(self, data: bytearray, start: int, end: int) -> bool:
        """Whether this piece is in no carrier, and begins none."""
        if self._held or self._rest or self._parts or self._decoder or self._journal is not None:
            return False
        if self._first is not None:
            if (
                self._first
                or end - start < FIRST
                or data.startswith(_MARKS, start, end)
                or data.find(0, start, end) >= 0
            ):
                return False
            self._first = None
        if data.find(0, start, end) >= 0 or data.find(0x1B, start, end) >= 0 or _holds_json(data, start, end):
            return False
        small = end - start <= SMALL
        looked = end if small else start + HEAD
        if data.find(b" P " if small else b" std", start, looked) >= 0 and _CRI_LINE.search(data, start, looked):
            return False
        if data.find(b"__", start, looked) >= 0 and _JOURNAL.search(data, start, looked):
            return False
        if small:
            return not _may_begin(data, max(start, data.rfind(b"\n", start, end) + 1), end)
        return not data[end - 2 : end].rstrip().endswith(b"{")

    def feed(self, data: bytes) -> bytes:
        if self._first is not None:
            self._first += data
            return self._begin() if len(self._first) >= FIRST else b""
        return self._read(data)

    def _begin(self) -> bytes:
        data, self._first = bytes(self._first or b""), None
        encoding = _utf16(data)
        if encoding is not None:
            self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        return self._read(data.removeprefix(codecs.BOM_UTF8))

    def _read(self, data: bytes) -> bytes:
        if self._decoder is not None:
            text: str = self._decoder.decode(data)
            data = text.removeprefix("\ufeff").encode("utf-8", errors="replace")
        return self._lines(_ZEROS.sub(b"\n", self._bare(data)))

    def flush(self) -> bytes:
        """What is awaited and holds an anchor, as far as it came: a part of a line says that it was cut."""
        if not self.pending:
            return b""
        told = self._begin() if self._first is not None else b""
        held, self._held = bytes(self._held), bytearray()
        if _CRI.match(held) or self._records(held, NESTED) is not None:
            told += self._line(held)
        else:
            told += held + CUT.encode() if held.lstrip().startswith((b"{", b"[")) else held
        told += b"".join(text + CUT.encode() + b"\n" for text in self._parts.values())
        self._parts.clear()
        return told

    # -- bytes ------------------------------------------------------------------------------------

    def _bare(self, data: bytes) -> bytes:
        """Without escapes of a terminal; one that the piece's end cuts is kept for the next."""
        if not self._rest and b"\x1b" not in data:
            return data
        data, self._rest = self._rest + data, b""
        begun = _ESCAPE_BEGINS.search(data, max(0, len(data) - 300))
        if begun is not None:
            data, self._rest = data[: begun.start()], data[begun.start() :]
        return _ESCAPES.sub(b"", data)

    # -- lines ------------------------------------------------------------------------------------

    def _lines(self, data: bytes) -> bytes:
        *lines, last = data.split(b"\n")
        if lines:
            lines[0] = bytes(self._held) + lines[0]
            self._held.clear()
        told = b"".join(self._line(line) for line in lines)
        self._held += last
        if len(self._held) > LIMIT or not (
            self._journal is not None or _may_begin(self._held, 0, len(self._held)) or b"{" in self._held
        ):
            told += bytes(self._held)
            self._held.clear()
        return told

    def _line(self, line: bytes) -> bytes:
        if self._journal is not None or line.startswith(b"__"):
            return self._exported(line)
        cri = _CRI.match(line)
        if cri is not None:
            return self._joined(f"cri {cri['stream'].decode()}", cri["lead"], cri["text"], goes_on=cri["tag"] == b"P")
        found = self._records(line, NESTED)
        return line + b"\n" if found is None else found

    def _exported(self, line: bytes) -> bytes:
        """A line of ``journalctl -o export``: a field a line. One that holds line ends is its name, and on the next
        lines its length and its text."""
        field = _FIELD.match(line)
        name, is_text = (field["name"], field["is_text"]) if field else (b"", b"")
        if name in (b"__CURSOR", b"__REALTIME_TIMESTAMP") and is_text:
            self._journal = lead_of({name.decode(): line[field.end() :].decode(errors="replace")}) if field else ""
        elif name == b"MESSAGE" and is_text and field:
            return self._told(Record(self._journal or "", line[field.end() :].decode(errors="replace")))
        elif self._in_message and not is_text and line:
            return (self._journal or "").encode() + line + b"\n"
        elif not line:
            self._journal = None
        self._in_message = name == b"MESSAGE" and not is_text
        return line + b"\n"

    def _joined(self, stream: str, lead: bytes, text: bytes, *, goes_on: bool) -> bytes:
        """A line put together from its parts, which keep the lead of the first."""
        parts = self._parts.setdefault(stream, bytearray(lead))
        parts += text
        if goes_on and len(parts) < LIMIT and len(self._parts) <= STREAMS:
            return b""
        whole = bytes(self._parts.pop(stream))
        found = self._records(whole, NESTED)
        return whole + b"\n" if found is None else found

    def _records(self, line: bytes, depth: int) -> bytes | None:
        """The texts of the JSON in a line, each behind what stood before the JSON; None where there is none."""
        start = line.find(b"{")
        if start > 0 and line[:start].strip() == b"[":
            start = line.find(b"[")
        if start < 0 or not depth or not line.rstrip().endswith((b"}", b"]")):
            return None
        records = records_in(line[start:].rstrip(b"\r"), self._anchors)
        if records is None:
            return None
        before = line[max(0, start - LEAD) : start].removeprefix(codecs.BOM_UTF8)
        return b"".join(self._told(record, before, depth - 1) for record in records)

    def _told(self, record: Record, before: bytes = b"", depth: int = NESTED) -> bytes:
        lead = before + record.lead.encode("utf-8", errors="replace")
        text = _ESCAPES.sub(b"", record.text.encode("utf-8", errors="replace"))
        if record.part is not None:
            return self._joined(
                f"docker {record.part}",
                lead,
                text.removesuffix(b"\n").removesuffix(b"\r"),
                goes_on=not text.endswith(b"\n"),
            )
        told: list[bytes] = []
        for line in text.removesuffix(b"\n").split(b"\n"):
            inner = self._records(lead + line, depth) if b"{" in line else None
            told += (lead, line, b"\n") if inner is None else (inner,)
        return b"".join(told)


def _utf16(data: bytes) -> str | None:
    """By the byte order mark, or by a zero in every other byte."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16-le" if data.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    head = data[:64]
    for encoding, zeros, others in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if len(zeros) >= 8 and zeros.count(0) > 0.9 * len(zeros) and others.count(0) == 0:
            return encoding
    return None


def _holds_json(data: bytearray, start: int, end: int) -> bool:
    """Whether a quote stands right after a brace. Quotes are rare in plain logs, and looking for one byte is fast."""
    at = start
    for _ in range(64):
        at = data.find(b'"', at, end)
        if at < 0:
            return False
        if data[max(start, at - 2) : at].rstrip().endswith(b"{"):
            return True
        at += 1
    return data.find(b'{"', at, end) >= 0 or data.find(b'{ "', at, end) >= 0


def _may_begin(data: bytearray, start: int, end: int) -> bool:
    """Whether the line that begins at ``start``, and did not end yet, may be a carrier's."""
    return (
        data[max(start, end - 2) : end].rstrip().endswith(b"{")
        or _CRI_LINE.match(data, start, end) is not None
        or _CRI_BEGINS.match(data, start, end) is not None
    )
