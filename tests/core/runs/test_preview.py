"""The plan as `retrust plan` shows it: like the next run's, and nothing is written."""

from __future__ import annotations

from typing import Any

from retrust.models import Grade
from retrust.runs.preview import draw_plan, renewal_impact


async def test_it_is_what_the_next_run_plans(scene: Any) -> None:
    """The same digest, with the gates as they stand; and no entry, no case, no pin changes."""
    site = await scene()
    await site.broken()
    before = (await site.ledger.head()).seq
    drawn = await draw_plan(site.engine, site.site, site.ledger, actor="person:ann")
    assert (await site.ledger.head()).seq == before
    assert site.world.peers["alpha"].pinned == "alpha-0"
    assert drawn.plan is not None
    assert drawn.exit_code == 3
    assert [gate.state for gate in drawn.gates] == ["shut"] * len(drawn.gates) != []
    assert (await site.run()).plan.digest == drawn.plan.digest


async def test_a_healthy_site_has_no_plan(scene: Any) -> None:
    """It says that there is nothing to do."""
    site = await scene()
    await site.run()
    drawn = await draw_plan(site.engine, site.site, site.ledger, actor="person:ann")
    assert (drawn.plan, drawn.exit_code) == (None, 0)
    assert drawn.why_none == "campus is healthy: nothing to do"


async def test_an_interception_is_planned_for_nobody(scene: Any) -> None:
    """Contradicted evidence gives no plan, the reason, and exit code 4."""
    site = await scene()
    await site.broken()
    site.world.peers["alpha"].there = "alpha-stranger"
    drawn = await draw_plan(site.engine, site.site, site.ledger, actor="person:ann")
    assert (drawn.plan, drawn.exit_code) == (None, 4)
    assert any(f.evidence.grade is Grade.CONTRADICTED for f in drawn.snapshot.findings)
    assert "alpha" in drawn.why_none


async def test_the_impact_of_a_renewal(scene: Any) -> None:
    """The pins about one node's certificate; a node that nobody knows is said to be none."""
    site = await scene()
    snapshot = (await site.run()).snapshot
    found = renewal_impact(site.engine, site.site, snapshot, "alpha")
    assert [f.pin.edge for f in found or ()] == ["hub:alpha_1"]
    assert renewal_impact(site.engine, site.site, snapshot, "hub") == []
    assert renewal_impact(site.engine, site.site, snapshot, "nobody") is None
