"""A renewal is healed: what is sent, how often, and what is left alone."""

from __future__ import annotations


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
