"""Our own trust: a changed host key or web certificate is a finding, and a person's to accept."""

from __future__ import annotations

import pytest

from kit.campus import SITE, quick_lab
from retrust.approval.acceptance import accept
from retrust.audit import export_case
from retrust.errors import ChangedIdentity


async def accepted(site, actor, *, node="secondary", kind="host key", fingerprint=None):
    return await accept(
        site.engine,
        site.ledger,
        site.site,
        node=node,
        kind=kind,
        actor=actor,
        reason="installed again",
        fingerprint=fingerprint or site.lab.secondary.host_key_fingerprint,
    )


@pytest.fixture
async def redeployed(site):
    """The secondary was deployed again: its host key and its certificate are new."""
    site.was = site.lab.secondary.host_key_fingerprint
    await site.lab.secondary.redeploy()
    await site.broken()
    return site


async def test_is_a_finding_with_both_fingerprints(redeployed):
    """A changed host key ends the run with exit 4 and both fingerprints; no password is sent, nothing is written."""
    site, node = redeployed, redeployed.lab.secondary
    logins = node.logins + node.failed_logins
    with pytest.raises(ChangedIdentity) as changed:
        await site.heal()
    assert changed.value.exit_code == 4
    assert site.was in str(changed.value)
    assert node.host_key_fingerprint in str(changed.value)
    assert "retrust accept campus secondary --kind 'host key'" in str(changed.value)
    assert node.logins + node.failed_logins == logins
    assert site.writes == 0


async def test_is_kept_once(redeployed):
    """However often it is met, it is one finding and one alarm of one case, which waits for a person."""
    for _ in range(2):
        with pytest.raises(ChangedIdentity):
            await redeployed.heal()
    assert [case.state for case in await redeployed.ledger.cases()] == ["waiting"]
    assert [alarm.what for alarm in await redeployed.ledger.alarms()] == ["changed identity"]


async def test_accepted_and_healed(redeployed, tmp_path):
    """Once a person accepted the new key the run goes on and heals; who accepted it is in the chain and the pack."""
    site = redeployed
    with pytest.raises(ChangedIdentity):
        await site.heal()
    assert await accepted(site, "person:bob") == 0
    assert (await site.heal()).outcome == "healed"
    (kept,) = await site.ledger.accepted_identities(SITE)
    assert (kept.actor, kept.fingerprint) == ("person:bob", site.lab.secondary.host_key_fingerprint)
    (case,) = await site.ledger.cases()
    assert case.state == "healed"
    await export_case(site.ledger, case.id, tmp_path / "pack.zip")


@pytest.mark.browser
async def test_web_certificate(start):
    """A renewed certificate that also serves the pages: found with exit 4, accepted, and then the pages are read."""
    site = await start(quick_lab(web=True, web_certificate="shared"))
    await site.settle_in()
    was = site.lab.primary.web_fingerprint
    await site.break_trust("primary")
    with pytest.raises(ChangedIdentity, match=f"web certificate changed: expected {was}"):
        await site.heal()
    assert site.lab.primary.web_logins + site.lab.primary.failed_web_logins == 0
    now = site.lab.primary.web_fingerprint
    assert await accepted(site, "person:bob", node="primary", kind="web certificate", fingerprint=now) == 0
    ended = await site.run()
    assert ended.outcome == "waiting"
    assert ended.snapshot.relations["ha"].status == "HA Not Configured"
