"""A lab with the engine over it, for each test."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from kit.campus import campus


@pytest.fixture
async def start(tmp_path):
    """Starts a campus, by default a quick pair without pages and ISE; see ``kit.campus``."""
    async with AsyncExitStack() as stack:

        async def starting(settings=None, **options):
            return await stack.enter_async_context(campus(tmp_path, settings, **options))

        yield starting


@pytest.fixture
async def site(start):
    """A pair that was verified healthy yesterday."""
    running = await start()
    await running.settle_in()
    return running
