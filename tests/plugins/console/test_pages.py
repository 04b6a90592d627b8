"""What the pages show and do, over HTTP alone: no script runs here, so all of this works without one."""

from __future__ import annotations

from datetime import UTC, datetime

from kit.scenes import a_renewal, a_snapshot, waiting_case
from retrust.testing.ledgers import fingerprint


async def test_first_look(world) -> None:
    """A person signs in, finds the case that waits, reads its proof and plan, and says yes."""
    case = await waiting_case(world.ledger)
    ann = await world.browser("ann")
    listed = await ann.get("/")
    assert f'href="/cases/{case.id}"' in listed.text
    page = await ann.get(f"/cases/{case.id}")
    assert page.status_code == 200, page.text
    for part in (
        "Waiting for your decision",
        "cannot be undone",
        "only if HA is not healthy",
        case.digest,
        "deletecert host 10.0.0.12_8082",
    ):
        assert part in page.text, part
    for name in ("old", "new"):
        assert "</span><span>".join(groups(fingerprint(name))) in page.text


def groups(text: str) -> list[str]:
    digits = text.removeprefix("SHA256:")
    return [digits[start : start + 8] for start in range(0, len(digits), 8)]


async def test_every_page(world) -> None:
    """Every page is there for a person who signed in, whatever the case's state."""
    case = await waiting_case(world.ledger)
    ann = await world.browser("ann")
    assert a_renewal().digest
    for path in (
        "/",
        "/cases?state=all&site=campus",
        "/sites",
        "/sites/campus",
        "/audit",
        f"/cases/{case.id}",
        f"/cases/{case.id}/now",
        f"/cases/{case.id}/export",
    ):
        answer = await ann.get(path)
        assert answer.status_code == 200, (path, answer.text)


async def test_the_picture_is_of_the_newest_look(world) -> None:
    """What a check saw after the last case is what the sites' page shows, and says whence it is known."""
    case = await waiting_case(world.ledger)
    ann = await world.browser("ann")
    assert f"(case {case.id})" in (await ann.get("/sites")).text
    checked = a_snapshot(healed=True).model_copy(update={"observed_at": datetime.now(UTC)})
    await world.ledger.record_look(checked, actor="person:ann")
    text = (await ann.get("/sites")).text
    assert "(check)" in text
    assert "stale" not in text
