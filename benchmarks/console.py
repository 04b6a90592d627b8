"""The console with 1,000 open cases: overview, list, a case's page and a decision, over real HTTP, in under 250 ms.

Each figure is the 95th of a hundred, so that it is what a person meets on a bad day. A decision is judged,
recorded durably, and answered with how every gate stands then.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.report import Row, under

from kit.forms import hidden_field
from kit.scenes import a_renewal, a_world, waiting_case
from retrust.approval.tokens import create_token
from retrust.ledger import Case
from retrust.testing.serving import serving

OPEN, ROUNDS, LIMIT, FIRST = 1_000, 100, 0.25, 5.0
"""A site has one open case at most, so that there are as many sites."""


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        return asyncio.run(_measure(Path(folder), patch))


async def _measure(folder: Path, patch: pytest.MonkeyPatch) -> list[Row]:
    sites = [f"site{number:04}" for number in range(OPEN)]
    async with a_world(folder, patch, sites=sites) as (engine, ledger):
        cases = [await waiting_case(ledger, site, plan=a_renewal(site)) for site in sites]
        _, token = await create_token(ledger, engine.inventory, "ann", actor="benchmark", lasts=timedelta(hours=1))
        app = engine.plugins.apps["console"].build(engine, ledger)
        async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
            await _sign_in(client, token)
            return await _rows(client, cases, token)


async def _rows(client: httpx.AsyncClient, cases: list[Case], token: str) -> list[Row]:
    bearer = {"Authorization": f"Bearer {token}"}
    some = cases[:: OPEN // ROUNDS]

    async def decide(case: Case) -> httpx.Response:
        return await client.post(
            f"/api/v1/cases/{case.id}/approve", headers=bearer, json={"reason": "change 42", "digest": case.digest}
        )

    works: dict[str, Callable[[Case], Awaitable[httpx.Response]]] = {
        "the overview": lambda _: client.get("/"),
        "the list page": lambda _: client.get("/cases"),
        "the list, searched and sorted": lambda case: client.get("/cases", params={"q": case.site, "sort": "grade"}),
        "the list of what I can decide": lambda _: client.get("/cases", params={"person": "me", "page": 9}),
        "the list of one site": lambda case: client.get("/cases", params={"site": case.site}),
        "a case's page": lambda case: client.get(f"/cases/{case.id}"),
        "the sites": lambda _: client.get("/sites"),
        "a decision": decide,
    }
    began = time.perf_counter()
    (await client.get("/")).raise_for_status()
    first = under(f"the very first page after a start, {OPEN:,} open cases", time.perf_counter() - began, FIRST)
    return [
        first,
        *[under(f"{name}, {OPEN:,} open cases", await _high(work, some), LIMIT) for name, work in works.items()],
    ]


async def _high(work: Callable[[Case], Awaitable[httpx.Response]], cases: list[Case]) -> float:
    """The 95th of a hundred, in seconds; an answer that is no success is no measurement."""
    times = []
    for case in cases:
        began = time.perf_counter()
        answer = await work(case)
        times.append(time.perf_counter() - began)
        answer.raise_for_status()
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.url} answered {answer.status_code}")
    return statistics.quantiles(times, n=20)[-1]


async def _sign_in(client: httpx.AsyncClient, token: str) -> Any:
    page = await client.get("/sign-in")
    await client.post("/sign-in", data={"token": token, "csrf": hidden_field(page.text, "csrf")})
