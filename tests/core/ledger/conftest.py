"""Every test here that takes ``ledger`` or ``url`` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrust.ledger import Ledger
from retrust.testing.ledgers import BACKENDS, SetClock, database_url


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return database_url(request.param, tmp_path)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def ledger(url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Ledger]:
    async with await Ledger.open(url, tmp_path, clock=clock) as opened:
        yield opened
