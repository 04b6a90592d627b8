"""What a home has seen of a chain is kept, goes on only, and is never in the way."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from retrust.ledger import Head, Ledger
from retrust.ledger.anchors import FILE, anchor, keep_anchor
from retrust.testing.ledgers import noticed

WHERE = "sqlite:///ledger.db"
FIRST, SECOND = Head(seq=1, hash="1" * 64), Head(seq=2, hash="2" * 64)


def test_the_furthest_head_is_remembered(tmp_path: Path) -> None:
    """An older head, or another one of the same number, does not take its place."""
    assert anchor(tmp_path, WHERE) is None
    for head in (FIRST, SECOND, FIRST, Head(seq=2, hash="3" * 64)):
        keep_anchor(tmp_path, WHERE, head)
    assert anchor(tmp_path, WHERE) == SECOND


def test_each_ledger_has_its_own(tmp_path: Path) -> None:
    """A home that writes to two ledgers remembers both."""
    keep_anchor(tmp_path, WHERE, SECOND)
    keep_anchor(tmp_path, "postgresql://x/y", FIRST)
    assert (anchor(tmp_path, WHERE), anchor(tmp_path, "postgresql://x/y")) == (SECOND, FIRST)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 600, and it shrinks where less is to be kept."""
    (tmp_path / FILE).touch(0o600)
    (tmp_path / FILE).write_bytes(b"x" * 9999)
    keep_anchor(tmp_path, WHERE, FIRST)
    assert anchor(tmp_path, WHERE) == FIRST
    (tmp_path / FILE).unlink()
    keep_anchor(tmp_path, WHERE, FIRST)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "\x00", '{"WHERE": 5}', '{"WHERE": {}}', '{"WHERE": {"seq": "x"}}']
)
async def test_a_damaged_file_stops_no_writer(tmp_path: Path, text: str) -> None:
    """It is as if there were none: entries are written, and it is written anew."""
    async with await Ledger.open(None, tmp_path) as ledger:
        (tmp_path / FILE).write_text(text.replace("WHERE", ledger.where))
        await ledger.append(noticed(), actor="x")
        assert anchor(tmp_path, ledger.where) == await ledger.head()


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """The ledger does not depend on it."""
    keep_anchor(tmp_path / "missing", WHERE, FIRST)
    assert anchor(tmp_path / "missing", WHERE) is None
