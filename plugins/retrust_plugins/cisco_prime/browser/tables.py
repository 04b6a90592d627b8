"""Columns of the tables that pages show, by their titles."""

from __future__ import annotations

import re
from typing import Any

Row = dict[str, Any]


def columns(rows: list[Row], at: int, title: re.Pattern[str]) -> list[int]:
    """The columns of row ``at`` that a title above names so; a table's titles may stand in a table of their own."""
    row = rows[at]
    for head in reversed(rows[:at]):
        near = head["header"] or row["table"] - head["table"] in (0, 1)
        if near and len(head["cells"]) == len(row["cells"]) and _are_titles(head["cells"]):
            fitting = [i for i, cell in enumerate(head["cells"]) if title.search(cell)]
            if fitting:
                return fitting
    return []


def _are_titles(cells: list[str]) -> bool:
    """Whether every cell is short and none holds a number or an address: titles, not values."""
    return not any(re.search(r"\d+\.\d+|::|^\W*\d+\W*$", cell) or len(cell) > 60 for cell in cells)
