"""The order of a pass, and how it ends."""

from __future__ import annotations

from typing import Any

from kit.parts import breaking
from retrust.approval import Attendance
from retrust.errors import PermanentError
from retrust.states import State


async def test_the_parts_come_in_their_order(scene: Any) -> None:
    """A heal is detect, list, plan, gates, the target's stages, verify."""
    site, names = await scene(), list[str]()
    await site.broken()
    ended = await site.run(before=names.append)
    assert ended.outcome == "healed"
    assert names == ["detect", "list", "plan", "gates", "delete", "verify"]
    assert [r.result for r in ended.results] == ["done"]
    assert ended.exit_code == 0


async def test_a_healthy_site_ends_with_its_plan(scene: Any) -> None:
    """Where nothing is to be done, no gate is asked and no case is opened."""
    site, names = await scene(), list[str]()
    ended = await site.run(before=names.append)
    assert (ended.outcome, ended.case, ended.exit_code) == ("healthy", None, 0)
    assert names == ["detect", "list", "plan"]


async def test_a_shut_gate_ends_the_pass(scene: Any) -> None:
    """The case waits, nothing was sent, and the next pass goes on once somebody says yes."""
    site, names = await scene(), list[str]()
    await site.broken()
    ended = await site.run(before=names.append, attendance=Attendance("service"))
    assert (ended.outcome, ended.exit_code) == ("waiting", 3)
    assert names[-1] == "gates"
    assert site.world.peers["alpha"].pinned == "alpha-0"
    assert (await site.run()).outcome == "healed"


async def test_one_that_does_not_act_ends_with_its_plan(scene: Any) -> None:
    """The case has its plan; nobody decided, though an option says yes, and nothing was sent until a pass that acts."""
    site, names = await scene(), list[str]()
    await site.broken()
    ended = await site.run(before=names.append, acts=False)
    assert (ended.outcome, ended.case.state) == ("planned", State.PLANNED)
    assert names == ["detect", "list", "plan"]
    assert await site.ledger.decisions(ended.case_id) == []
    assert site.world.peers["alpha"].pinned == "alpha-0"
    again = await site.run()
    assert (again.outcome, again.plan.digest) == ("healed", ended.plan.digest)


async def test_an_error_ends_it_as_failed_and_the_case_says_so(scene: Any) -> None:
    """Whatever part fails, the case tells where and why; the lease is given back."""
    site = await scene()
    await site.broken()
    ended = await site.run(before=breaking("verify"))
    assert (ended.outcome, ended.exit_code) == ("failed", 1)
    case = await site.ledger.case(ended.case_id)
    assert case.state is State.FAILED
    assert "it broke" in str(ended.error)
    assert (await site.run()).outcome == "healthy"
    assert (await site.ledger.case(ended.case_id)).state is State.HEALED


async def test_one_pass_at_a_time(scene: Any) -> None:
    """While another run has the site's lease, a pass ends at once and touches nothing."""
    site = await scene()
    await site.broken()
    async with site.ledger.lease("campus", owner="another", ttl=30, run="x", what="another run"):
        ended = await site.run()
    assert (ended.outcome, ended.exit_code, ended.snapshot) == ("failed", 1, None)
    assert "another" in str(ended.error)


async def test_whoever_runs_it_can_end_it_before_a_write(scene: Any) -> None:
    """``go_on`` is asked before each write; what it raises stops the pass, and nothing is sent."""
    site = await scene()
    await site.broken()

    async def no() -> None:
        raise PermanentError("called off")

    ended = await site.run(go_on=no)
    assert ended.outcome == "failed"
    assert site.world.peers["alpha"].pinned == "alpha-0"
