"""What the whole suite shares: one Prefect server, started when the first test needs it."""

from __future__ import annotations

import gc
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing about the code. The same examples in each run:
# what a change breaks shows with that change. RETRUST_SEARCH=1 looks for new ones.
settings.register_profile(
    "retrust",
    deadline=None,
    derandomize="RETRUST_SEARCH" not in os.environ,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("retrust")


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API URL of the embedded server, in the environment until the session ends."""
    from retrust_flows.server import prefect_server

    home = tmp_path_factory.mktemp("prefect-home")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(prefect_server(home)) as url:
        yield url


@pytest.fixture
def guide() -> Callable[[str], list[str]]:
    """Gives the blocks of the operator's guide that a comment above them marks so, in their order."""
    text = (Path(__file__).parents[1] / "docs/operating.md").read_text()
    return lambda marked: re.findall(
        rf"<!-- {re.escape(marked)}(?:[ ,][^\n]*)? ?-->\n```\w*\n(.*?)```", text, re.DOTALL
    )


@pytest.fixture(autouse=True)
def _prefect_ends_with_its_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prefect leaves sockets open; they are collected here and not in some later test, which would be blamed."""
    yield
    if "prefect_api" in request.fixturenames and (worker := sys.modules.get("prefect.events.worker")):
        worker.EventsWorker.drain_all()
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            gc.collect()


_SOCKETS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


SLOW = (
    "core/ledger/test_every_order.py",
    "core/test_any_history.py",
    "deployments/",
    "end_to_end/test_appliances.py",
    "end_to_end/test_cold_run.py",
    "end_to_end/test_command_line.py",
    "end_to_end/test_done_stays_done.py",
    "end_to_end/test_followed_exactly.py",
    "end_to_end/test_killed.py",
    "end_to_end/test_operating_guide.py",
    "end_to_end/test_pages_that_vary.py",
    "end_to_end/test_preflight.py",
    "flows/service/test_console_story.py",
    "flows/service/test_outages.py",
    "flows/service/test_supervision.py",
    "flows/test_two_people.py",
    "plugins/cisco_prime/browser/test_against_lab.py",
    "plugins/cisco_prime/browser/test_drawn.py",
    "plugins/cisco_prime/browser/test_pages.py",
    "plugins/cisco_prime/browser/test_refusals.py",
    "plugins/console/test_looks.py",
)
"""Whole stories, and searches through many cases: `make test-all` runs them, `make test` does not."""
TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file stays on one of the two workers, and all that need Prefect on the same one: one server serves them."""
    for item in items:
        shared = "prefect_api" in getattr(item, "fixturenames", ())
        if shared:
            item.add_marker(_SOCKETS)
            item.add_marker("prefect")
        if item.path.relative_to(TESTS).as_posix().startswith(SLOW):
            item.add_marker("slow")
        item.add_marker(pytest.mark.xdist_group("prefect" if shared else str(item.path)))
    items.sort(key=lambda item: item.get_closest_marker("prefect") is None)  # the longest group begins first
