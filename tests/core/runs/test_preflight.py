"""What a run needs of this machine and of the target is proven before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retrust.errors import PermanentError, Refused, RetrustError, TemporaryError
from retrust.models import Snapshot, Step
from retrust.runs.preflight import joined, missing, noted, prove, prove_writable, unmet, unwritable
from retrust.testing.plans import NOW, a_plan


class Prepared:
    """A connection that is asked to prepare, and fails so where it says."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    async def prepare(self, steps: Sequence[Step]) -> None:
        self.asked += [step.id for step in steps]
        if self.error is not None:
            raise self.error


def a_step(id: str, *secrets: str) -> Step:
    return Step(
        id=id, stage="delete", kind="delete-pin", holder="hub", argument="x", risk="delete-pin", secrets=secrets
    )


def test_a_folder_that_is_to_be_made_is_proven_where_it_will_be(tmp_path: Path) -> None:
    """Nothing is made and nothing stays behind; a file in the way is named, with what to do."""
    prove_writable(tmp_path / "home" / "runs" / "r1")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "home").touch()
    with pytest.raises(PermanentError, match="nothing can be written there") as error:
        prove_writable(tmp_path / "home" / "runs")
    assert error.value.where == str(tmp_path / "home")
    assert "free some space" in str(error.value)


def test_a_link_that_leads_nowhere_is_no_place_to_write(tmp_path: Path) -> None:
    """What is mounted later, or never, is not taken for a folder that will be made."""
    (tmp_path / "home").symlink_to(tmp_path / "not mounted")
    with pytest.raises(PermanentError):
        prove_writable(tmp_path / "home" / "runs")


def test_a_home_is_told_of_once(tmp_path: Path) -> None:
    """The home, or its folder for what runs keep; not both for one cause."""
    assert unwritable(tmp_path / "home") == []
    (tmp_path / "runs").touch()
    assert [e.where for e in unwritable(tmp_path)] == [str(tmp_path / "runs")]
    assert [e.where for e in unwritable(tmp_path / "runs")] == [str(tmp_path / "runs")]


async def test_what_can_be_seen_to_be_missing_without_the_site(scene: Any) -> None:
    """Secrets of the site that cannot be read, and a home that cannot be written."""
    site = await scene()
    assert await unmet(site.engine, site.site) == []
    site.engine.home = site.engine.home / "ledger.db"
    assert [type(e) for e in await unmet(site.engine, site.site)] == [PermanentError]


async def test_the_target_is_asked_once_this_machine_lacks_nothing(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every missing secret of the steps is told, and the target left alone; then its own word counts."""
    site, steps = await scene(), [a_step("1", "env:GONE_1", "env:THERE"), a_step("2", "env:GONE_2", "env:GONE_1")]
    monkeypatch.setenv("THERE", "x")
    target: Any = Prepared(TemporaryError("the page does not answer"))
    found = await missing(site.engine, target, steps)
    assert [e.where for e in found] == ["secret env:GONE_1", "secret env:GONE_2"]
    assert target.asked == []
    for name in ("GONE_1", "GONE_2"):
        monkeypatch.setenv(name, "x")
    assert [str(e) for e in await missing(site.engine, target, steps)] == ["the page does not answer"]
    assert target.asked == ["1", "2"]


async def test_what_looks_like_an_interception_is_no_missing_part(scene: Any) -> None:
    """It is raised as everywhere, and not listed beside a missing password."""
    target: Any = Prepared(Refused("another certificate"))
    with pytest.raises(Refused):
        await missing((await scene()).engine, target, [a_step("1")])


@pytest.mark.parametrize("phase", ["sent", "done", "undecided", "skipped"])
async def test_what_was_sent_needs_nothing_more(scene: Any, phase: str) -> None:
    """Only steps that are still to be sent are proven; one that was begun or failed is one of them."""
    site, plan, target = await scene(), a_plan("delete-pin", "interrupting", "add-server"), Prepared()
    recorded: Any = [SimpleNamespace(step="1", phase=phase), SimpleNamespace(step="2", phase="started")]
    recorded.append(SimpleNamespace(step="3", phase="failed"))
    connection: Any = target
    await prove(site.engine, connection, plan, recorded)
    assert target.asked == ["2", "3"]


async def test_what_lacks_is_raised_and_nothing_was_sent(scene: Any) -> None:
    """The error names it all and says so: the same plan can be run once it is there."""
    plan = a_plan("delete-pin").model_copy(update={"steps": (a_step("1", "env:GONE_1", "env:GONE_2"),)})
    target: Any = Prepared()
    with pytest.raises(PermanentError, match=r"GONE_1 .*GONE_2 .*; this run sent nothing"):
        await prove((await scene()).engine, target, plan, [])


def test_several_errors_are_one_that_names_them_all() -> None:
    """The first one's kind and place; the others' words behind it."""
    first = TemporaryError("is missing", where="a")
    both = joined([first, PermanentError("is wrong", where="b", hint="mend it")])
    assert both is first
    assert str(both) == "a: is missing; b: is wrong (mend it)"


def test_what_is_missing_is_shown_once_with_the_snapshots_problems() -> None:
    """Behind what the look found."""
    errors: list[RetrustError] = [PermanentError("x"), PermanentError("x"), PermanentError("y")]
    assert noted(a_snapshot(NOW), errors).problems == ("a problem", "x", "y")


def a_snapshot(at: datetime) -> Snapshot:
    return Snapshot(site="campus", target="model", observed_at=at, findings=(), problems=("a problem",))
