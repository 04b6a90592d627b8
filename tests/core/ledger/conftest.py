"""Every test here that takes ``ledger`` or ``url`` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrust.ledger import Ledger
from retrust.testing.ledgers import BACKENDS, SetClock, database_url, migrated_url


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(backend: str, tmp_path: Path) -> str:
    """An empty database."""
    return database_url(backend, tmp_path)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def ledger(backend: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Ledger]:
    async with await Ledger.open(migrated_url(backend, tmp_path), tmp_path, clock=clock) as opened:
        yield opened
