"""One way to write a body, a time and an entry's hash, so that everybody computes the same bytes.

Pure functions. Bodies are ASCII JSON with sorted keys and no blanks: any database stores them byte for
byte, whatever its encoding, a lone surrogate or a NUL of a damaged log line included.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
FORMAT = 1

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Redact = Callable[[str], str]


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def written_time(at: datetime) -> str:
    """UTC with microseconds always: such texts sort as their times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def entry_hash(
    seq: int,
    at: str,
    actor: str,
    run: str | None,
    case: str | None,
    site: str | None,
    kind: str,
    body: str,
    prev_hash: str,
) -> str:
    """SHA-256 over all of an entry; ``body`` is its text as stored."""
    covered = canonical([FORMAT, seq, at, actor, run, case, site, kind, body, prev_hash])
    return hashlib.sha256(covered.encode("ascii")).hexdigest()


def head_message(seq: int, last_hash: str) -> bytes:
    """What the ledger's key signs: that the chain goes this far, so that a cut-off end is seen."""
    return canonical(["retrust ledger head", FORMAT, seq, last_hash]).encode("ascii")


def join_message(seq: int, prev_hash: str, public_key: str) -> bytes:
    """What a key of the chain signs to let another one in, at this place of this chain and at no other."""
    return canonical(["retrust ledger key", FORMAT, seq, prev_hash, public_key]).encode("ascii")


def clean(value: Any, redact: Redact) -> Any:
    """``value`` with every text in it redacted and free of what a database cannot hold."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", redact(value))
    if isinstance(value, dict):
        return {clean(str(key), redact): clean(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item, redact) for item in value]
    return value
