"""A module's tests are where its name says."""

from __future__ import annotations

from pathlib import Path

CORE = Path(__file__).parents[2] / "core" / "retrust"
ELSEWHERE = ("cli/scaffold_files", "ledger/migrations")
"""Texts of a new plugin, and steps between schemas: ``cli/test_scaffold`` and ``ledger/test_migrations`` try them."""


def test_each_module_of_the_core_has_its_test_file() -> None:
    """``core/retrust/room/module.py`` has ``tests/core/room/test_module.py``; flat modules have one as well."""
    modules = [path.relative_to(CORE) for path in CORE.rglob("*.py") if not path.name.startswith("__")]
    modules = [path for path in modules if not path.as_posix().startswith(ELSEWHERE)]
    assert len(modules) > 100
    tests = Path(__file__).parent
    missing = [path.as_posix() for path in modules if not (tests / path.parent / f"test_{path.name}").exists()]
    assert missing == []
