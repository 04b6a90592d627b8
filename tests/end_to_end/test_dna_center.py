"""A DNA Center's renewed certificate: its pin is judged, proven, deleted, and waited for until it is made anew."""

from __future__ import annotations

import pytest

from kit.campus import quick_lab
from retrust.cli.output import plan_lines
from retrust.errors import PermanentError
from retrust_plugins.lab.settings import LISTING_3_9, IseSettings

KONG = IseSettings(hostname="kong", subject="CN=kong")


def with_kong(it):
    it["timeouts"]["log"] = 0.5
    it["recurrence"] = {"healed": 9}


async def renewed(start, settings=None):
    """A healthy pair with two servers of one name, the first of them renewed; the edge of its pin."""
    settings = settings or quick_lab(dna_center=(KONG, KONG)).with_nodes(**LISTING_3_9)
    site = await start(settings, change=with_kong)
    center = site.lab.dna_center[0]
    edge = f"primary:{center.host}_{center.port}"
    await site.lab.until(lambda: edge.partition(":")[2] in site.lab.primary.tofu.pins, "it is pinned")
    await site.settle_in()
    await center.renew()
    fingerprint = center.fingerprint
    await site.sight(role="ise", dn="CN=kong", key=edge.partition(":")[2], fingerprint=fingerprint)
    return site, center, edge


async def test_its_pin_is_made_anew(start):
    """One delete, nothing on the pages, the approved certificate pinned; the other server's pin stays."""
    site, center, edge = await renewed(start)
    ended = await site.heal(accept_unproven=True)
    assert ended.outcome == "healed"
    key = edge.partition(":")[2]
    assert [step.kind for step in ended.plan.steps] == ["delete-pin", "await-pin"]
    assert any("is not documented" in line for line in "\n".join(plan_lines(ended.plan, ())).splitlines())
    assert site.lab.primary.deletes_sent(key) == 1
    assert site.writes == 1
    assert site.lab.primary.tofu.pins[key].fingerprint == center.fingerprint
    assert (await site.heal()).outcome == "healthy"


async def test_a_new_line_in_the_log_is_no_success(start):
    """The list shows it anew, and the log says otherwise: said, and not healed."""
    site, _, _ = await renewed(start)

    async def doubt(*_):
        await site.sight(role="ise", dn="CN=kong")

    site.lab.on("delete", doubt)
    with pytest.raises(PermanentError, match="a new log line says"):
        await site.heal(accept_unproven=True)


async def test_a_pin_that_is_not_made_anew_is_said(start):
    """Prime does not connect again: after the limit, with what to do."""
    site, *_ = await renewed(start)
    centers = [*site.lab.dna_center]

    async def gone(*_):
        site.lab.dna_center.clear()

    site.lab.on("delete", gone)
    with pytest.raises(PermanentError, match="not listed again"):
        await site.heal(accept_unproven=True)
    site.lab.dna_center.extend(centers)
