"""Log text inside JSON, whoever wrote the record: its texts, its time, and what says that it goes on.

Platforms differ in the names of fields, so the text is looked for under the names that are usual, and wherever
else one of the anchors stands; a text that another one holds is not told twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from retrust.logs.timestamps import read_timestamp, since_1970

TEXTS = frozenset(
    (
        "log",
        "message",
        "msg",
        "full_message",
        "short_message",
        "MESSAGE",
        "@message",
        "event",
        "original",
        "textPayload",
        "body",
        "stringValue",
        "text",
        "line",
        "_raw",
        "@m",
        "@mt",
    )
)
TIMES = (
    "_SOURCE_REALTIME_TIMESTAMP",
    "__REALTIME_TIMESTAMP",
    "@timestamp",
    "timestamp",
    "Timestamp",
    "time",
    "ts",
    "_time",
    "@t",
    "instant",
    "datetime",
    "asctime",
    "date",
    "eventTime",
    "event_time",
    "timeMillis",
    "timeUnixNano",
)
THREADS = ("thread", "thread_name", "threadName", "process.thread.name")
DEPTH = 8
"""How deep fields are looked for."""
MANY = 64
"""How many texts of one object are compared with one another."""
_LONGEST_TIME = 80
_DOCKERS = frozenset(("log", "stream", "time", "attrs"))


class Record(NamedTuple):
    """``lead`` goes before each line of ``text``: the time, and the thread; ``part`` is set on a Docker record that
    ends before its line does, or ends such a line, and names its stream."""

    lead: str
    text: str
    part: str | None = None


def records_in(data: bytes, anchors: Sequence[bytes]) -> list[Record] | None:
    """The records of a JSON object, or of a list of them; None where it is no JSON, or tells no text."""
    try:
        value = json.loads(data.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return None
    wanted = tuple(anchor.decode("utf-8", errors="replace") for anchor in anchors)
    return [record for item in _objects(value) for record in _records(item, wanted, "", DEPTH)] or None


def _records(item: dict[str, Any], anchors: Sequence[str], lead: str, depth: int) -> Iterator[Record]:
    """Those of one object and the objects in it; then those of the lists in it, each with records of its own."""
    leaves, lists = _leaves(item, lead)
    texts = [
        leaf
        for usual in (True, False)
        for leaf in leaves
        if leaf.is_usual is usual and leaf.text and (usual or any(anchor in leaf.text for anchor in anchors))
    ]
    if len(texts) > MANY:
        texts = [leaf for leaf in texts if any(anchor in leaf.text for anchor in anchors)][:MANY]
    whole = item.keys() <= _DOCKERS and isinstance(item.get("log"), str)
    for n, leaf in enumerate(texts):
        others = [other.text for m, other in enumerate(texts) if m < n or (m > n and other.text != leaf.text)]
        if not any(leaf.text in other for other in others):
            yield Record(leaf.lead, leaf.text, str(item.get("stream", "")) if whole else None)
    if depth:
        for inner, inherited in lists:
            for part in _objects(inner):
                yield from _records(part, anchors, inherited, depth - 1)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


class _Leaf(NamedTuple):
    lead: str
    is_usual: bool
    text: str


def _leaves(item: dict[str, Any], lead: str) -> tuple[list[_Leaf], list[tuple[list[Any], str]]]:
    """The texts of an object and of those in it, outer ones first; and the lists, each with the lead it inherits."""
    leaves: list[_Leaf] = []
    lists: list[tuple[list[Any], str]] = []
    level = [(item, lead)]
    for _ in range(DEPTH):
        inner: list[tuple[dict[str, Any], str]] = []
        for part, inherited in level:
            own = lead_of(part) or inherited
            for name, value in part.items():
                if isinstance(value, dict):
                    inner.append((value, own))
                elif isinstance(value, list) and not _is_bytes(value):
                    lists.append((value, own))
                    value = "\n".join(line for line in value if isinstance(line, str))
                if isinstance(value, list):
                    value = bytes(value).decode("utf-8", errors="replace")
                if isinstance(value, str):
                    leaves.append(_Leaf(own, name.rpartition(".")[2] in TEXTS, value))
        level = inner
    return leaves, lists


def _is_bytes(value: list[Any]) -> bool:
    """Whether it is a text as journald writes one that is not all printable."""
    return bool(value) and all(type(n) is int and 0 <= n < 256 for n in value)


def lead_of(item: dict[str, Any]) -> str:
    time = next((found for name in TIMES if name in item and (found := _time(item[name]))), "")
    thread = next((item[name] for name in THREADS if isinstance(item.get(name), str) and len(item[name]) < 80), None)
    return f"{time}[{thread}] " if thread else time


def time_of(value: Any) -> datetime | None:
    """The time that a carrier's field tells, as a number or a text."""
    return read_timestamp(_time(value).encode("utf-8", errors="replace"))


def _time(value: Any) -> str:
    """As it stands before a line: a number as ISO, a text as it is, so that it is read in the log's zone."""
    if isinstance(value, dict):
        seconds = value.get("epochSecond", value.get("seconds"))
        nanos = value.get("nanoOfSecond", value.get("nanos", 0))
        value = f"{seconds}.{nanos:09}" if type(seconds) is int and type(nanos) is int and nanos >= 0 else None
    if isinstance(value, str) and len(value) < _LONGEST_TIME and not _is_number(value):
        return f"{value} " if read_timestamp(value.encode("utf-8", "replace")) or ":" in value else ""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and len(str(value)) < _LONGEST_TIME:
        at = since_1970(float(value), datetime.now(UTC))
        return f"{at.isoformat(timespec='microseconds')} " if at else ""
    return ""


def _is_number(value: str) -> bool:
    return value.strip().replace(".", "", 1).isdecimal()
