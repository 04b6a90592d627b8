"""Log text inside JSON, whoever wrote the record: its texts, its time, and what says that it goes on.

Platforms differ in the names of fields, so the text is looked for under the names that are usual, and wherever
else one of the anchors stands; a text that another one holds is not told twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from retrust.timestamps import read_timestamp, since_1970

TEXTS = frozenset(("log", "message", "msg", "full_message", "short_message", "MESSAGE", "@message", "event", "original",
                   "textPayload", "body", "stringValue", "text", "line", "_raw", "@m", "@mt"))
TIMES = ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP", "@timestamp", "timestamp", "Timestamp", "time", "ts",
         "@t", "instant", "datetime", "asctime", "date", "eventTime", "event_time", "timeMillis", "timeUnixNano")
THREADS = ("thread", "thread_name", "threadName")
DEPTH = 8
"""How deep fields are looked for."""
_LONGEST_TIME = 80


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
    values = value if isinstance(value, list) else [value]
    return [r for item in values if isinstance(item, dict) for r in _records(item, wanted)] or None


def _records(item: dict[str, Any], anchors: Sequence[str]) -> Iterator[Record]:
    lead = lead_of(item)
    texts = list(_texts(item, anchors))
    part = str(item.get("stream", "")) if isinstance(item.get("log"), str) and "time" in item else None
    for n, text in enumerate(texts):
        held = any(text in other for other in texts[:n]) or any(text in other and text != other for other in texts)
        if not held:
            yield Record(lead, text, part if text == item.get("log") else None)


def _texts(item: dict[str, Any], anchors: Sequence[str]) -> Iterator[str]:
    """Those under a usual name first, and outer ones before inner ones."""
    leaves = list(_leaves(item))
    for usual in (True, False):
        for name, value in leaves:
            known = name.rpartition(".")[2] in TEXTS
            if known is usual and value and (known or any(anchor in value for anchor in anchors)):
                yield value


def _leaves(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, text) of every field that is a text, or the bytes of one as journald writes them."""
    level: list[tuple[str, Any]] = list(item.items())
    for _ in range(DEPTH):
        inner: list[tuple[str, Any]] = []
        for name, value in level:
            if isinstance(value, str):
                yield name, value
            elif isinstance(value, dict):
                inner += value.items()
            elif isinstance(value, list):
                if value and all(type(n) is int and 0 <= n < 256 for n in value):
                    yield name, bytes(value).decode("utf-8", errors="replace")
                else:
                    inner += [(name, part) for part in value]
        level = inner


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
