"""How far a search through many cases goes: a fifth of the way at a desk, all of it in ``make test-all``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

THOROUGH = "RETRUST_THOROUGH" in os.environ


def few(rows: Sequence[T]) -> Sequence[T]:
    """All of them in CI; at a desk the last, where each is a whole story."""
    return rows if THOROUGH else rows[-1:]


def many(count: int) -> int:
    """So many cases in CI; at a desk a fifth of them, and never fewer than ten."""
    return count if THOROUGH else max(count // 5, 10)
