"""A broken site, and the deployments that could heal it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kit.campus import Campus, campus
from kit.pool import environment, prefect

DEPLOYMENTS = Path(__file__).parents[2] / "deployments" / "prefect.yaml"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Campus]:
    async with campus(tmp_path) as site:
        await site.settle_in()
        await site.break_trust("secondary")
        yield site


@pytest.fixture
def deployed(site: Campus, prefect_api: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The shipped file, deployed as it is; the environment of whoever works with it."""
    env = environment(site, prefect_api, tmp_path / "prefect")
    prefect("work-pool", "create", "retrust", "--type", "retrust", "--overwrite", env=env, cwd=tmp_path)
    prefect("deploy", "--all", "--prefect-file", str(DEPLOYMENTS), env=env, cwd=tmp_path)
    yield env
    prefect("deployment", "delete", "--all", env=env, cwd=tmp_path)
