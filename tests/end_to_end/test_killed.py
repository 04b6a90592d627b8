"""``kill -9`` of a run at every point of it: started again it ends healed, and no delete was sent in vain.

The lab lives in this process, each run in one of its own (``mortal``). Both servers were renewed, so that
the plan has two deletes and a registration.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kit.campus import person_at_the_pages
from retrust.audit import verify_chain
from retrust.testing.ledgers import BACKENDS, migrated_url

LIMIT = 60.0
POINTS = (
    "lease-taken #1",
    "case-opened #1",
    "snapshot #1",
    "planned #1",
    "decided #1",
    "the case is approved #1",
    "digest-used #1",
    "the case is executing #1",
    *(f"delete-pin {moment} #{number}" for number in (1, 2) for moment in ("started", "is out", "sent", "ended")),
    "register-ha started #1",
    "progress #1",
    *(f"register-ha {moment} #1" for moment in ("is out", "sent", "ended")),
    "the case is verifying #1",
    "snapshot #2",
    "baselines #1",
    "the case is healed #1",
    "attachment #1",
    "attachment #2",
)
"""After every entry that a healing run writes; ``is out`` is inside the send, which nothing has recorded."""


class Mortals:
    """The process that runs passes in mortal children."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    async def _line(self) -> dict:
        return json.loads(await asyncio.to_thread(self._process.stdout.readline))

    async def run(self, site, url, die=None) -> tuple[int, list[dict]]:
        """The exit status of one run, and everything it said; a person does what they are told meanwhile."""
        order = {"inventory": str(site.inventory), "home": str(site.home), "ledger": url, "die": die}
        self._process.stdin.write((json.dumps(order) + "\n").encode())
        self._process.stdin.flush()
        press, said = person_at_the_pages(site.lab), []
        async with asyncio.timeout(LIMIT):
            while "ended" not in (line := await self._line()):
                said.append(line)
                press(line.get("told", ""))
        return line["ended"], said


@pytest.fixture(scope="module")
def mortals():
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("mortal.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},  # for tests/kit
    )
    yield Mortals(process)
    process.communicate()


@pytest.fixture
async def broken(start, tmp_path, request):
    """A pair whose two certificates were renewed, and the address of its ledger."""
    url = migrated_url(request.param, tmp_path)
    site = await start(ledger_url=url)
    await site.settle_in()
    await site.break_trust("primary", "secondary")
    return site, url


@pytest.mark.parametrize("broken", BACKENDS, indirect=True)
async def test_points_are_all_there_are(broken, mortals):
    """The points below are those that a healing run passes, every one of them."""
    site, url = broken
    status, said = await mortals.run(site, url)
    assert status == 0, said
    passed = {line["point"] for line in said if "point" in line}
    again = {
        point
        for point in passed  # as time has it: milestones, and deletes that were seen to work
        if point.startswith(("progress", "baselines")) and not point.endswith(" #1")
    }
    assert passed - again - {"lease-released #1"} == set(POINTS)


@pytest.mark.parametrize("broken", BACKENDS, indirect=True)
@pytest.mark.parametrize("point", POINTS)
async def test_killed(broken, mortals, point):
    """Killed there and started again, a run ends healed; each delete was sent once, and the chain is whole."""
    site, url = broken
    status, said = await mortals.run(site, url, die=point)
    assert status == -signal.SIGKILL, said
    status, said = await mortals.run(site, url)
    assert (status, [line["outcome"] for line in said if "outcome" in line]) == (0, [outcome_after(point)]), said
    assert site.lab.healthy
    assert site.deletes() == await allowed_deletes(site, point)
    assert site.lab.primary.ha.registrations == 1
    assert (await verify_chain(site.ledger)).ok


@pytest.mark.parametrize("broken", ["sqlite"], indirect=True)
@pytest.mark.parametrize("point", ["delete-pin is out #1", "delete-pin sent #1"])
async def test_killed_before_the_guard(broken, mortals, point):
    """Killed before it saw who answers after a delete, and intercepted meanwhile: the next run is refused there."""
    site, url = broken
    assert (await mortals.run(site, url, die=point))[0] == -signal.SIGKILL
    site.lab.intercept(("primary", "secondary"))
    _, said = await mortals.run(site, url)
    assert any("Refused" in line.get("error", "") for line in said), said
    assert site.deletes() == {"primary": 1, "secondary": 0}
    assert site.lab.primary.ha.registrations == 0


async def allowed_deletes(site, point) -> dict[str, int]:
    """One each; killed inside the send itself a second one, which the ledger then holds as such."""
    begun = [
        entry.body.holder
        for entry in await site.ledger.entries(kinds=("step",))
        if (entry.body.kind, entry.body.phase) == ("delete-pin", "started")
    ]
    deletes = {holder: begun.count(holder) for holder in ("primary", "secondary")}
    if not point.startswith("delete-pin is out"):
        assert set(deletes.values()) == {1} or point.startswith("delete-pin started")
        return {"primary": 1, "secondary": 1}
    assert sorted(deletes.values()) in ([1, 1], [1, 2])
    return deletes


def outcome_after(point: str) -> str:
    return "healthy" if point in AFTERWARDS else "healed"


AFTERWARDS = ("the case is healed #1", "attachment #1", "attachment #2")
