"""What this home has seen of a ledger's chain, kept outside the database.

Whoever can write the database can cut off its end and put back an older signed head. The anchor says
how far the chain went when this home last wrote or verified it; ``retrust.audit`` holds it against that.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from pydantic import TypeAdapter

from retrust.ledger.records import Head

FILE = "ledger.anchors"

_TURN = threading.Lock()
_KNOWN = TypeAdapter(dict[str, Head])


def keep_anchor(home: Path, where: str, head: Head) -> None:
    """Remember ``head`` unless more is known already. Best effort: the ledger does not depend on it.

    Written in place after every commit: a new name for the file each time would double what a commit costs.
    """
    with _TURN, contextlib.suppress(OSError):
        known = _read(home)
        if (have := known.get(where)) and have.seq >= head.seq:
            return
        data = _KNOWN.dump_json(known | {where: head}, indent=1)
        descriptor = os.open(home / FILE, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, data)
            os.ftruncate(descriptor, len(data))
        finally:
            os.close(descriptor)


def anchor(home: Path, where: str) -> Head | None:
    return _read(home).get(where)


def _read(home: Path) -> dict[str, Head]:
    try:
        return _KNOWN.validate_json((home / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
