"""What this home has seen of a ledger's chain, kept outside the database.

Whoever can write the database can cut off its end and put back an older signed head. The anchor says
how far the chain went when this home last wrote or verified it; ``retrust.audit`` holds it against that.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from retrust.ledger.records import Head

FILE = "ledger.anchors"


def keep_anchor(home: Path, where: str, head: Head) -> None:
    """Remember ``head`` unless more is known already. Best effort: the ledger does not depend on it."""
    known = _read(home)
    if (have := known.get(where)) and have["seq"] >= head.seq:
        return
    known[where] = head.model_dump()
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=home)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(known, file, indent=1, sort_keys=True)
        Path(name).replace(home / FILE)
    except OSError:
        return


def anchor(home: Path, where: str) -> Head | None:
    have = _read(home).get(where)
    return Head.model_validate(have) if have else None


def _read(home: Path) -> dict[str, dict[str, Any]]:
    try:
        known = json.loads((home / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
