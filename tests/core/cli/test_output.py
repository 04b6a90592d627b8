"""Text for people: lines, tables, errors, snapshots and plans, where no terminal is."""

from __future__ import annotations

import pytest

from kit.scenes import a_renewal, a_snapshot
from retrust.cli import output
from retrust.errors import UsageError
from retrust.models import GateState, Grade


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(output, "verbosity", 0)


def test_a_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever wrote a line feed or a control character into a name begins no line of their own."""
    output.show(["a\nb", "\x1b[31mred"])
    assert capsys.readouterr().out == "a\\nb\n\\x1b[31mred\n"


def test_columns_stand_below_their_heads() -> None:
    """The widest cell decides; the last column is as long as it is."""
    assert list(output.table(("A", "LONG", "C"), [("aaa", "b", "the rest"), ("a", "b", "")])) == [
        "A    LONG  C",
        "aaa  b     the rest",
        "a    b     ",
    ]


def test_quiet_leaves_messages_out_and_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-q` is for messages about the work; an error says what, where and what to do in any case."""
    monkeypatch.setattr(output, "verbosity", -1)
    output.say("working")
    output.say_error(UsageError("has no site", where="retrust.yaml", hint="name one"))
    assert capsys.readouterr().err == "retrust: retrust.yaml: has no site\n  → name one\n"


def test_a_snapshot_says_what_asks_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer first, then the stale pin and the broken relation; all pins with `-v`, the answer alone with `-q`."""
    snapshot = a_snapshot()
    first, *more = output.snapshot_lines(snapshot)
    told = "\n".join(more)
    assert "1 stale pin, proven → retrust plan campus" in first
    assert "stale     primary:10.0.0.12_8082  evidence: proven" in told
    assert "ha: Primary Lost Secondary" in told
    assert ("10.0.0.21_443" in told, "Reachable" in told) == (False, False)
    monkeypatch.setattr(output, "verbosity", 1)
    told = "\n".join(output.snapshot_lines(snapshot))
    assert all(finding.pin.edge in told for finding in snapshot.findings)
    monkeypatch.setattr(output, "verbosity", -1)
    assert list(output.snapshot_lines(snapshot)) == [first]


def test_what_is_not_proven_is_told_with_its_reasons() -> None:
    """A person has to judge: what speaks for it is there without `-v`, and for a proven pin it is not."""
    detail = "presents another certificate than the one last verified"
    assert detail in "\n".join(output.snapshot_lines(a_snapshot(grade=Grade.SUPPORTED)))
    assert detail not in "\n".join(output.snapshot_lines(a_snapshot(grade=Grade.PROVEN)))


def test_a_plan_is_a_diff_with_all_that_is_sent() -> None:
    """The digest, each step with what it deletes, expects and sends, and how each gate stands."""
    plan = a_renewal()
    gates = [GateState(gate="people", state="shut", needs="one person")]
    told = "\n".join(output.plan_lines(plan, gates))
    assert f"plan  {plan.digest}" in told
    for step in plan.steps:
        assert all(f"sends: {sent}" in told for sent in step.sends)
        assert all(f"+ expects {expected}" in told for expected in step.expected.values())
    for line in (
        "  - delete-pin 10.0.0.12_8082  on primary",
        "      - host=10.0.0.12_8082;",
        "gate people: shut, needs one person",
        "      cannot be undone",
    ):
        assert line in told
