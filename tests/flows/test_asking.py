"""What an answer at the terminal does, without the passes around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.scenes import a_renewal, a_world, waiting_case
from retrust.approval.decisions import Attendance, current_matter, gate_states
from retrust.runs.endings import Ended
from retrust_flows.cli import _ask, _questions
from retrust_flows.running import Runner

ANN = "person:ann"
CONFIRM = {"delete-pin": [{"gate": "confirm"}], "interrupting": [{"gate": "confirm"}]}


@pytest.mark.parametrize(
    ("typed", "goes_on", "state"),
    [
        ("yes", True, "waiting"),
        ("no", False, "cancelled"),
        ("", False, "cancelled"),
        ("yes please", False, "cancelled"),
    ],
)
async def test_an_answer(
    typed: str, goes_on: bool, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain yes is a decision; anything else is a no, recorded as typed, and ends the case without a change."""

    async def answered(question: str) -> str:
        return typed

    monkeypatch.setattr("retrust_flows.cli.answer", answered)
    async with a_world(tmp_path, monkeypatch, people={}, policy=CONFIRM) as (engine, ledger):
        plan = a_renewal()
        case = await waiting_case(ledger, actor=ANN, planner=ANN, plan=plan)
        gates = await gate_states(engine, await current_matter(engine, ledger, case.id))
        ended, runner = Ended("waiting", case, plan.snapshot, plan, gates), Runner(engine, ledger, ANN)
        assert await _questions(runner, ended) == ["confirm"]
        assert await _ask(runner, ended, Attendance(ANN), ["confirm"]) is goes_on
        (said,) = await ledger.decisions(case.id)
        assert (said.gate, said.yes, said.actor, said.digest) == ("confirm", goes_on, ANN, plan.digest)
        assert typed in said.reason or goes_on
        assert (await ledger.case(case.id)).state == state
