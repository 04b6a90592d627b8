"""What is wrong with one entry as it follows on the one before; shared by ledger and pack. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from retrust.ledger.canonical import canonical, entry_hash

FIELDS = ("seq", "at", "actor", "run", "case_id", "site", "kind", "body", "prev_hash", "hash")
"""An entry as stored, its hash last; ``body`` is its text."""


def fault(entry: Mapping[str, Any], prev_seq: int, prev_hash: str | None) -> str | None:
    """The first fault of an entry, in words, or None. ``prev_hash`` None: the one before is not known."""
    if entry["seq"] != prev_seq + 1:
        return f"a gap: entry {prev_seq + 1} is missing"
    if prev_hash is not None and entry["prev_hash"] != prev_hash:
        return f"its link differs from the hash of entry {prev_seq}"
    if entry_hash(*(entry[name] for name in FIELDS[:-1])) != entry["hash"]:
        return "its hash differs from what its content gives"
    try:
        is_canonical = canonical(json.loads(entry["body"])) == entry["body"]
    except ValueError:
        is_canonical = False
    return None if is_canonical else "its body is not canonical JSON"
