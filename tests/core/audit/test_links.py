"""What is wrong with one entry as it follows on the one before."""

from __future__ import annotations

from typing import Any

import pytest

from retrust.audit.links import FIELDS, fault
from retrust.ledger import Ledger
from retrust.ledger.canonical import GENESIS, entry_hash
from retrust.testing.ledgers import SITE, SetClock, an_entry, noticed


def entry(seq: int = 2, prev: str = GENESIS, **changes: Any) -> dict[str, Any]:
    """A whole entry, sealed after these changes."""
    row = an_entry(noticed(), seq=seq, prev_hash=prev).row | changes
    return row | {"hash": entry_hash(*(row[name] for name in FIELDS[:-1]))}


async def test_the_entries_of_a_ledger_have_no_fault(ledger: Ledger, clock: SetClock) -> None:
    """As they are stored, each after the one before; all that the hash covers is a field."""
    for number in range(3):
        await ledger.append(noticed(number), actor="x", site=SITE)
    seq, sealed = 0, GENESIS
    for found in await ledger.entries():
        assert set(found.row) == set(FIELDS)
        assert fault(found.row, seq, sealed) is None
        seq, sealed = found.seq, found.hash


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (entry(3), "a gap: entry 2 is missing"),
        (entry(1), "a gap: entry 2 is missing"),
        (entry(prev="f" * 64), "its link differs from the hash of entry 1"),
        (entry() | {"actor": "person:mallory"}, "its hash differs from what its content gives"),
        (entry() | {"hash": "f" * 64}, "its hash differs from what its content gives"),
        (entry(body='{"what": "x"}'), "its body is not canonical JSON"),
        (entry(body='{"what":"ä"}'), "its body is not canonical JSON"),
        (entry(body="no JSON"), "its body is not canonical JSON"),
    ],
)
def test_the_first_fault_is_told(found: dict[str, Any], said: str) -> None:
    """Number, then link, then hash, then the body's form: whoever seals a body anew has to write it as we do."""
    assert fault(entry(), 1, GENESIS) is None
    assert fault(found, 1, GENESIS) == said


def test_an_unknown_entry_before_is_no_fault() -> None:
    """Where a segment begins, its link leads to what is not there; everything else is checked."""
    assert fault(entry(prev="f" * 64), 1, None) is None
    assert fault(entry(prev="f" * 64) | {"actor": "x"}, 1, None) == "its hash differs from what its content gives"
