"""How the answers of collectors join into one grade."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from retrust.evidence import Collector, collect, grade
from retrust.models import Answers, Collected, Grade

PEER, HOLDER, KEY, LOOKED = (Answers.PEERS_OWN, Answers.HOLDER_SEES_IT, Answers.OLD_KEY, Answers.PRECONDITION)


def said(answers: Answers, of: Grade = Grade.SUPPORTED) -> Collected:
    return Collected(collector="x", answers=answers, grade=of, detail="")


@pytest.mark.parametrize(
    "answered",
    [c for n in range(5) for c in itertools.combinations(Answers, n)],
    ids=lambda c: "+".join(a.name for a in c) or "nothing",
)
def test_proof_needs_both_questions(answered: tuple[Answers, ...]) -> None:
    """The peer's own and what the holder sees are proof; less is support, a precondition alone is nothing."""
    expected = (
        Grade.PROVEN if {PEER, HOLDER} <= set(answered) else Grade.SUPPORTED if set(answered) - {LOOKED} else Grade.NONE
    )
    assert grade(said(a) for a in answered) is expected


def test_an_old_key_alone_is_never_proof() -> None:
    """A key may have been stolen: whoever sees it, it supports and no more."""
    assert grade([said(KEY), said(HOLDER), said(LOOKED)]) is Grade.SUPPORTED


@pytest.mark.parametrize("against", Answers)
def test_a_contradiction_outweighs_all(against: Answers) -> None:
    """Whatever else was said."""
    assert grade([*(said(a) for a in Answers), said(against, Grade.CONTRADICTED)]) is Grade.CONTRADICTED


class Faulty(Collector):
    """A plugin's collector that forgets its answer, or fails."""

    name, answers = "faulty", Answers.PEERS_OWN

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def collect(self, edge: Any, eyes: Any) -> Any:
        if self.error:
            raise self.error


@pytest.mark.parametrize(
    ("error", "told"), [(None, "returned NoneType, not Collected"), (OSError("no route"), "no route")]
)
async def test_a_faulty_collector_is_not_available(error: Exception | None, told: str) -> None:
    """It is no evidence and no error, whatever it does; the answer says what was wrong."""
    edge: Any = None
    found = await collect(edge, [Faulty(error)], edge)
    assert found.grade is Grade.NONE
    assert [(c.collector, c.grade) for c in found.collected] == [("faulty", Grade.NONE)]
    assert told in found.collected[0].detail
