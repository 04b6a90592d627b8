"""What this home has seen of a ledger's chain, kept outside the database.

Whoever can write the database can cut off its end and put back an older signed head. The anchor says
how far the chain went when this home last wrote or verified it; ``retrust.audit`` holds it against that.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from retrust.ledger.records import Head

FILE = "ledger.anchors"

_TURN = threading.Lock()


def keep_anchor(home: Path, where: str, head: Head) -> None:
    """Remember ``head`` unless more is known already. Best effort: the ledger does not depend on it.

    Written in place after every commit: a new name for the file each time would double what a commit costs.
    """
    with _TURN, contextlib.suppress(OSError):
        known = _read(home)
        if (have := known.get(where)) and have["seq"] >= head.seq:
            return
        data = json.dumps(known | {where: head.model_dump()}, indent=1, sort_keys=True).encode()
        descriptor = os.open(home / FILE, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, data)
            os.ftruncate(descriptor, len(data))
        finally:
            os.close(descriptor)


def anchor(home: Path, where: str) -> Head | None:
    have = _read(home).get(where)
    return Head.model_validate(have) if have else None


def _read(home: Path) -> dict[str, dict[str, Any]]:
    try:
        known = json.loads((home / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
