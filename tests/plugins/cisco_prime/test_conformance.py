"""A Prime pair in the lab owes the engine what every target does."""

from __future__ import annotations

import pytest

from kit.campus import campus
from retrust.testing.conformance import Subject, TargetConformance


class TestCiscoPrime(TargetConformance):
    @pytest.fixture
    async def subject(self, tmp_path):
        async with campus(tmp_path) as site:
            services = site.engine.services(read_only=False)
            yield Subject(
                site.engine.target(site.site),
                site.site,
                services,
                site.lab.secondary.renew,
                tuple(site.lab.secrets.values()),
            )
