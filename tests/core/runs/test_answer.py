"""The first line of an answer: the site, what is wrong, the evidence, the next command."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from retrust.models import Endpoint, Evidence, Finding, Grade, Pin, Relation, Snapshot, Verdict
from retrust.runs.answer import answer
from retrust.runs.reaching import OK, exit_code

AT = datetime(2026, 1, 1, tzinfo=UTC)
WELL, DOWN, UNCLEAR = (
    Relation(status="Active", healthy=True),
    Relation(status="Lost", healthy=False),
    Relation(status="Syncing?", healthy=None),
)


def pin(verdict: Verdict, grade: Grade = Grade.NONE, *, relation: str | None = "ha", silent: bool = False) -> Finding:
    return Finding(
        pin=Pin(holder="primary", key="k", subject="CN=x", line="k"),
        endpoint=Endpoint(host="192.0.2.1", port=8082) if silent else None,
        verdict=verdict,
        evidence=Evidence(grade=grade),
        relation=relation,
    )


STALE, FRESH, UNPROVEN = Verdict.STALE, Verdict.FRESH, Verdict.UNPROVEN
CASES = {
    "campus: healthy, 1 pin listed": ([pin(FRESH)], {"ha": WELL}, ()),
    "campus: healthy, 2 pins listed": ([pin(UNPROVEN), pin(FRESH)], {"ha": WELL}, ()),
    "campus: HA down, 1 stale pin, proven → retrust plan campus": (
        [pin(STALE, Grade.PROVEN), pin(UNPROVEN)],
        {"ha": DOWN},
        (),
    ),
    "campus: 2 stale pins, without evidence → retrust plan campus": (
        [pin(STALE, Grade.PROVEN), pin(STALE)],
        {"ha": None},
        (),
    ),
    "campus: HA down → retrust doctor campus": ([pin(FRESH)], {"ha": DOWN}, ()),
    "campus: HA not known to be healthy → retrust doctor campus": ([pin(FRESH)], {"ha": UNCLEAR}, ()),
    "campus: 1 unproven pin → retrust check -v campus": ([pin(UNPROVEN)], {"ha": None}, ()),
    "campus: 192.0.2.1:8082 does not answer → retrust doctor campus": ([pin(FRESH, silent=True)], {"ha": WELL}, ()),
    "campus: possible interception at 1 pin, HA down → retrust check -v campus": (
        [pin(UNPROVEN, Grade.CONTRADICTED)],
        {"ha": DOWN},
        (),
    ),
}


@pytest.mark.parametrize("line", CASES)
def test_the_line_says_what_the_exit_code_says(line: str) -> None:
    """Where all is well the line says so and exit is 0; else it names what is wrong and the next command."""
    findings, relations, problems = CASES[line]
    seen = Snapshot(
        site="campus", target="x", observed_at=AT, findings=tuple(findings), relations=relations, problems=problems
    )
    assert answer(seen, str.upper) == line
    assert (exit_code(seen) == OK) is ("→" not in line)


def test_a_problem_comes_before_the_plan() -> None:
    """Where something is missing on this machine a plan could not be carried out: doctor says what to do."""
    seen = Snapshot(
        site="campus", target="x", observed_at=AT, findings=(pin(STALE, Grade.PROVEN),), problems=("no key",)
    )
    assert answer(seen) == "campus: 1 stale pin, proven, 1 problem → retrust doctor campus"
    assert answer(seen, then="retrust run campus").endswith("→ retrust run campus")
