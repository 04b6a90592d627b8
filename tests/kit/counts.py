"""How far a search through many cases goes: a fifth of the way at a desk, all of it in ``make test-all``."""

from __future__ import annotations

import os

THOROUGH = "RETRUST_THOROUGH" in os.environ


def many(count: int) -> int:
    """So many cases in CI; at a desk a fifth of them, and never fewer than ten."""
    return count if THOROUGH else max(count // 5, 10)
