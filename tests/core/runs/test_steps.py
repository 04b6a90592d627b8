"""One step: observe, expect, act if needed, observe that it took effect."""

from __future__ import annotations

from typing import Any

import pytest

from kit.parts import at
from retrust.models import Step
from retrust.states import State


async def phases(site: Any, case: str) -> list[str]:
    plan = await site.ledger.case(case)
    return [record.phase for record in await site.ledger.steps(case, plan.digest)]


async def test_the_ledger_is_told_before_and_after(scene: Any) -> None:
    """A step is recorded as started before it is sent, as sent after, and as done when its effect was seen."""
    site = await scene()
    await site.broken()
    told: list[list[str]] = []

    async def at_the_write(step: Step) -> None:
        case = await site.ledger.open_case_of("campus")
        told.append(await phases(site, case.id))

    site.world.on_write = at_the_write
    ended = await site.run()
    assert told == [["started"]]
    assert await phases(site, ended.case_id) == ["started", "sent", "done"]


async def test_what_was_sent_is_not_sent_again(scene: Any) -> None:
    """A process that dies after the send leaves a step that the next pass finds done."""
    site, sent = await scene(), []
    await site.broken()

    async def dies(step: Step) -> None:
        sent.append(step.id)
        raise KeyboardInterrupt

    site.world.after_write = dies
    with pytest.raises(KeyboardInterrupt):
        await site.run()
    site.world.after_write = None
    ended = await site.run()
    assert ended.outcome == "healed"
    assert sent == ["delete:hub:alpha_1"]
    assert ended.said == ["done"]


async def test_a_pin_that_is_gone_by_then_needs_no_send(scene: Any) -> None:
    """What somebody else did between the approval and the step is not done again."""
    site = await scene()
    await site.broken()
    alpha = site.world.peers["alpha"]
    ended = await site.run(before=at("delete", lambda: setattr(alpha, "pinned", None)))
    assert ended.outcome == "healed"
    assert ended.said == ["not needed"]


async def test_another_certificate_stops_it(scene: Any) -> None:
    """A stranger who comes after the approval is met with a refusal and an alarm; the pin stays."""
    site = await scene()
    await site.broken()
    alpha = site.world.peers["alpha"]
    ended = await site.run(before=at("delete", lambda: setattr(alpha, "there", "alpha-stranger")))
    assert (ended.outcome, ended.exit_code) == ("refused", 4)
    assert alpha.pinned == "alpha-0"
    assert (await site.ledger.case(ended.case_id)).state is State.REFUSED
    assert [entry.kind for entry in await site.ledger.entries(kinds=("alarm",))] == ["alarm"]
