"""Which texts a JSON record tells, and what stands before each of their lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retrust.logs import time_of
from retrust.logs.records import Record, records_in

ANCHOR = b"TrustAnchor"
NOON = "2024-05-01T12:00:00"


def told(item: Any) -> list[Record] | None:
    return records_in(json.dumps(item).encode(), [ANCHOR])


def test_the_usual_names_tell_a_text_and_others_only_with_an_anchor() -> None:
    """At any depth of the object; names do not count where the signature's own words stand."""
    assert told({"msg": "plain"}) == [Record("", "plain")]
    assert told({"odd": "plain"}) is None
    assert told({"odd": {"deeper": "TrustAnchor changed"}}) == [Record("", "TrustAnchor changed")]


def test_a_text_that_another_one_holds_is_told_once() -> None:
    """The longer of them."""
    assert told({"message": "changed", "original": "TrustAnchor changed"}) == [Record("", "TrustAnchor changed")]
    assert told({"message": "same", "log_message": 1, "body": "same"}) == [Record("", "same")]


def test_time_and_thread_stand_before_the_text() -> None:
    """As a log would write them; a record inside another one has the outer one's time."""
    assert told({"@timestamp": NOON, "thread": "main", "msg": "x"}) == [Record(f"{NOON} [main] ", "x")]
    assert told({"time": NOON, "inner": {"msg": "x"}}) == [Record(f"{NOON} ", "x")]
    assert told({"time": NOON, "events": [{"msg": "x"}]}) == [Record(f"{NOON} ", "x")]


def test_a_docker_record_says_that_its_line_may_go_on() -> None:
    """By the stream it belongs to; another record's fields beside the text make it none of Docker's."""
    assert told({"log": "half", "stream": "stderr", "time": NOON}) == [Record(f"{NOON} ", "half", "stderr")]
    assert told({"log": "half", "stream": "stderr", "pod": "a"}) == [Record("", "half")]


def test_bytes_as_a_journal_writes_them_are_a_text() -> None:
    """A list of numbers under 256."""
    assert told({"MESSAGE": list(b"TrustAnchor \xc3\xbc")}) == [Record("", "TrustAnchor ü")]


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (1714564800, NOON),
        ("1714564800000", NOON),
        ({"epochSecond": 1714564800, "nanoOfSecond": 0}, NOON),
        (True, None),
        ("1" * 200, None),
        ({"epochSecond": "x"}, None),
    ],
)
def test_a_time_is_read_however_it_is_written(value: Any, at: str | None) -> None:
    """Seconds, milliseconds, an object of both; what is no time is none."""
    found = time_of(value)
    assert (found and found.isoformat()[:19]) == at


@pytest.mark.parametrize("data", [b"{", b'{"msg": "x"', b"[" * 100_000, b"\xff\xfe", b'{"msg": 1}', b"3"])
def test_what_is_no_record_tells_nothing(data: bytes) -> None:
    """Whatever bytes they are; nobody's log stops the reading."""
    assert records_in(data, [ANCHOR]) is None
