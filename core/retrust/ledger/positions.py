"""Where a home's sources go on after a restart; written in the transaction of what they delivered up to there."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import bindparam, delete, insert, select

from retrust.ledger import tables as t
from retrust.ledger.writing import Writing

FILE = "home.id"

have = t.positions.c
_IS = [have[name] == bindparam(f"_{name}") for name in ("home", "source", "key")]
DELETE, INSERT = delete(t.positions).where(*_IS), insert(t.positions)
SELECT = select(have.value).where(*_IS)


def of_home(home: Path, source: str, key: str) -> dict[str, str]:
    """A position's key as the statements here take it."""
    return {"_home": _id(home), "_source": source, "_key": key}


async def keep(writing: Writing, home: Path, positions: Mapping[tuple[str, str], str]) -> None:
    """``positions`` are by kind of source and its key."""
    rows = [
        {"home": _id(home), "source": source, "key": key, "value": value} for (source, key), value in positions.items()
    ]
    if rows:
        connection = await writing.tables(change=True)
        await connection.execute(DELETE, [of_home(home, source, key) for source, key in positions])
        await connection.execute(INSERT, rows)


def _id(home: Path) -> str:
    """Made once for a home, whoever is first; its path may be that of another machine's home, too."""
    path = home / FILE
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii")
    made = secrets.token_hex(8)
    beside = home / f"{FILE}.{made}"
    beside.write_text(made, encoding="ascii")
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(beside)
    beside.unlink()
    return path.read_text(encoding="ascii")
