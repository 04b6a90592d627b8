"""A renewal is healed: what is sent, how often, and what is left alone."""

from __future__ import annotations

import pytest

from kit.campus import quick_lab
from kit.counts import few
from retrust.errors import PermanentError
from retrust_plugins.lab.settings import MILESTONES


async def test_renewed_secondary(site):
    """One stale pin, one delete, one registration; then nothing is left to do."""
    await site.break_trust("secondary")
    ended = await site.heal()
    assert ended.outcome == "healed"
    assert site.deletes() == {"primary": 1, "secondary": 0}
    assert site.lab.primary.ha.registrations == 1
    assert site.lab.healthy
    assert (await site.heal()).outcome == "healthy"
    assert site.writes == 2


@pytest.mark.browser
@pytest.mark.parametrize("milestone", few(MILESTONES))
async def test_registration_fails(start, milestone):
    """A registration that fails is one error with exit 1 that names the milestone; a picture is kept with the case."""
    settings = quick_lab(web=True)
    settings.ha.fails_at = milestone
    site = await start(settings, change=lambda it: it["ha"].update(driver="browser"))
    await site.settle_in()
    await site.break_trust("secondary")
    with pytest.raises(PermanentError, match=milestone) as failed:
        await site.heal()
    assert failed.value.exit_code == 1
    assert failed.value.where == "primary"
    assert site.lab.primary.ha.registrations == 1
    kept = [entry.body.name for entry in await site.ledger.entries(kinds=("attachment",))]
    assert any(name.endswith(".png") for name in kept), kept
