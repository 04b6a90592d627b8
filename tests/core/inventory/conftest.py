"""The folder in which an inventory is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RETRUST_INVENTORY", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path
