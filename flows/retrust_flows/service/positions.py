"""Where sources go on after a restart: a small JSON file in RETRUST_HOME, replaced whole at each change.

It is written after what was read has been delivered, so a crash between the two repeats some lines and
loses none.
"""

from __future__ import annotations

import json
from pathlib import Path

FILE = "positions.json"


class Positions:
    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._kept: dict[str, str] = _read(self._path)

    def get(self, source: str, key: str) -> str | None:
        return self._kept.get(f"{source} {key}")

    def keep(self, source: str, key: str, value: str) -> None:
        if self.get(source, key) == value:
            return
        self._kept[f"{source} {key}"] = value
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps(self._kept, indent=1), encoding="utf-8")
        beside.replace(self._path)


def _read(path: Path) -> dict[str, str]:
    """Nothing where there is no file, or a damaged one: then sources start as if for the first time."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in kept.items()} if isinstance(kept, dict) else {}
