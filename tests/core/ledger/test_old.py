"""A ledger that an earlier version wrote (``old/README.md``): it opens, verifies, is told whole, and goes on."""

from __future__ import annotations

import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrust.approval.tokens import Register
from retrust.audit import export_case, verify_chain, verify_pack
from retrust.audit.archive import CHAIN, README, UNSIGNED, unpacked
from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.inventory import Inventory
from retrust.ledger import Ledger, read_only
from retrust.ledger.replay import rebuild
from retrust.present.case import story_object
from retrust.secrets.redaction import Redactor
from retrust.states import State
from retrust.testing.ledgers import sighting

OLD = Path(__file__).parent / "old"
CASES = {
    "c6": State.HEALED,
    "c40": State.HEALED,
    "c74": State.HEALED,
    "c109": State.CANCELLED,
    "c118": State.HEALED,
    "c143": State.REFUSED,
    "c161": State.EXPIRED,
    "c166": State.WAITING,
}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder with the old ``home`` and ``packs``."""
    with tarfile.open(OLD / "0.1.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
async def old(kept: Path) -> AsyncIterator[Ledger]:
    async with await Ledger.open(None, kept / "home") as ledger:
        yield ledger


async def test_verifies(old: Ledger) -> None:
    """The chain is whole, and a replay of its entries gives the tables that the old version derived."""
    report = await verify_chain(old)
    assert (report.ok, report.entries) == (True, 174), report


async def test_is_told_line_by_line(old: Ledger) -> None:
    """Every entry, of every kind, is told in the words of ``told.txt``."""
    lines = [f"{e.seq} {e.case or '-'} {e.kind}: {e.line}" async for e in old.walk()]
    assert lines == (OLD / "told.txt").read_text(encoding="utf-8").splitlines()


async def test_cases_are_shown_whole(old: Ledger) -> None:
    """Each case with its state, plan, decisions, sightings and every entry, as ``show --json`` has them."""
    assert {case.id: case.state for case in await old.cases()} == CASES
    engine = Engine(load_plugins(entry_points=False), Inventory(sites={}), old.home, Redactor())
    for case in CASES:
        story = await story_object(engine, old, case)
        assert [e["seq"] for e in story["entries"]] == [e.seq for e in await old.entries(case=case)]
        assert (story["plan"] is not None) == (case != "c143")
        assert len(story["planned"]) == sum(s["kind"] == "delete-pin" for s in (story["plan"] or {}).get("steps", ()))
    decisions = (await story_object(engine, old, "c166"))["decisions"]
    assert [(d["actor"], d["yes"]) for d in decisions] == [("person:ann", True), ("person:ben", False)]
    assert decisions[0]["signature"].startswith("-----BEGIN SSH SIGNATURE-----")


async def test_everything_read_from_it(old: Ledger) -> None:
    """Snapshots, plans, steps, baselines, accepted identities and tokens are models again."""
    for record in await old.snapshots("c74"):
        assert (await old.snapshot(record.seq)).findings
    plan = await old.plan((await old.case("c74")).digest or "", case="c74")
    assert plan is not None
    assert [s.phase for s in await old.steps("c74")] == 3 * ["started", "sent", "done"]
    assert set(await old.baselines("campus")) == {f"{s.holder}:{s.argument}" for s in plan.steps[:2]}
    assert [i.actor for i in await old.accepted_identities("campus")] == ["person:bob"]
    assert [(t.person, t.read_only, t.revoked_at is not None) for t in await Register(old).tokens()] == [
        ("ann", True, True),
        ("ben", False, False),
    ]
    assert await Register(old).is_signed_out("session-one")


async def test_a_glance_at_it(old: Ledger) -> None:
    """What ``check`` reads without opening it is what the ledger itself says."""
    async with read_only(None, old.home) as seen:
        for site in ("campus", "branch"):
            assert await seen.baselines(site) == await old.baselines(site)
            assert await seen.sightings(site) == await old.sightings(site)
            assert await seen.last_look(site) == await old.last_look(site)
    assert await old.last_look("campus") is not None


@pytest.mark.parametrize("case", ["c74", "c166"])
async def test_its_packs(kept: Path, case: str) -> None:
    """A pack of then verifies now, and the case exported now has the same files, byte for byte."""
    then = kept / "packs" / f"{case}.zip"
    assert verify_pack(then).ok
    async with await Ledger.open(None, kept / "home") as ledger:
        now = await export_case(ledger, case, kept / "now.zip")
    assert verify_pack(now).ok
    free = {README, *UNSIGNED}
    was, has = ({n: d for n, d in unpacked(p.read_bytes()).items() if n not in free} for p in (then, now))
    assert CHAIN in was
    assert was == has


async def test_goes_on(kept: Path) -> None:
    """New entries join the old chain; the open case is worked on; tables written anew from all of it are the same."""
    async with await Ledger.open(None, kept / "home") as ledger:
        await ledger.sight(sighting(site="branch"))
        assert (await ledger.case("c166")).is_open
        await ledger.move("c166", "wait", actor="service")
        await ledger.move("c166", "cancel", actor="person:ann", note="done by hand")
        assert (await ledger.open_case("branch", cause="again", actor="service")).id == "branch-3"
        assert (await verify_chain(ledger)).ok
        await rebuild(ledger)
        report = await verify_chain(ledger)
        assert (report.ok, report.entries) == (True, 179), report  # four of them, and the key again, now signed
