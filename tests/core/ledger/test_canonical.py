"""Whoever computes a body, a time or a hash again gets the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.ledger.canonical import GENESIS, canonical, clean, entry_hash, head_message, join_message, written_time
from retrust.ledger.journal import as_it_is

ENTRY = (2, "2024-05-01T12:00:00.000000Z", "service", "run-1", "c1", "campus", "notice", '{"what":"x"}', GENESIS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_a_body_is_sorted_ascii_without_blanks() -> None:
    """Any database stores it byte for byte."""
    assert canonical({"b": [1, None, True], "a": "ä\ud800"}) == '{"a":"\\u00e4\\ud800","b":[1,null,true]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


@given(st.lists(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]))))
def test_written_times_sort_as_the_times_do(times: list[datetime]) -> None:
    """Whatever their zone, and whether they have microseconds or not."""
    times = [at for at in times if 1 < at.year < 9999]
    ordered = [written_time(at) for at in sorted(times)]
    assert ordered == sorted(ordered)
    assert {len(text) for text in ordered} <= {len(ENTRY[1])}


def test_the_hash_of_an_entry_is_always_this_one() -> None:
    """The format of version 1: an older ledger verifies only if this stays."""
    assert entry_hash(*ENTRY) == "39e267abebbb9b0a0d78753fd0087032042c6399e13a91f8520b2dc21c222c83"


@pytest.mark.parametrize("field", range(len(ENTRY)))
def test_the_hash_covers_every_field(field: int) -> None:
    """A field of another value, or of none, makes another hash."""
    for other in ("x", None, 3):
        changed: list[Any] = [*ENTRY]
        changed[field] = other
        assert entry_hash(*changed) != entry_hash(*ENTRY)


def test_no_text_moves_from_one_field_to_the_next() -> None:
    """Where a field ends is part of what is hashed."""
    for at, (left, right) in enumerate(pairwise(ENTRY)):
        if isinstance(left, str) and isinstance(right, str):
            moved = (*ENTRY[:at], left + right[:1], right[1:], *ENTRY[at + 2 :])
            assert entry_hash(*moved) != entry_hash(*ENTRY)


def test_what_is_signed_is_for_one_purpose_and_place() -> None:
    """A signature of a head lets no key in, and one that lets a key in does so at one place of one chain."""
    signed = [
        head_message(2, GENESIS),
        head_message(3, GENESIS),
        head_message(2, "f" * 64),
        join_message(2, GENESIS, "aa"),
        join_message(3, GENESIS, "aa"),
        join_message(2, "f" * 64, "aa"),
        join_message(2, GENESIS, "bb"),
    ]
    assert len(set(signed)) == len(signed)


@settings(max_examples=many(100))
@given(JSON)
def test_what_is_clean_stays_as_it_is(value: object) -> None:
    """Whatever a body holds: every text of it can be stored, and a second cleaning changes nothing."""
    once = clean(value, as_it_is)
    assert clean(once, as_it_is) == once
    assert not {"\x00", "\ud800"} & set(str(once))


def test_every_text_is_redacted() -> None:
    """Names of fields as well, at any depth; what is no text is left alone."""
    told = {"hunter2": ["hunter2", ("hunter2", 2), {"a": {"b": "hunter2"}}], "n": None}
    assert clean(told, lambda text: text.replace("hunter2", "***")) == {
        "***": ["***", ["***", 2], {"a": {"b": "***"}}],
        "n": None,
    }
