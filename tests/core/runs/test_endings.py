"""How an error ends a pass."""

from __future__ import annotations

import pytest

from retrust.errors import PermanentError, PersonNeeded, Refused, RetrustError, TemporaryError
from retrust.runs.endings import Ended, outcome_of
from retrust.runs.steps import Drifted

ENDINGS = [
    (Refused("an interception"), "refused", 4),
    (Drifted("changed"), "drifted", 3),
    (PersonNeeded("a gate"), "person-needed", 3),
    (PermanentError("no effect"), "failed", 1),
    (TemporaryError("not reached"), "failed", 1),
]


@pytest.mark.parametrize(("error", "outcome", "code"), ENDINGS, ids=[type(e).__name__ for e, _, _ in ENDINGS])
def test_the_error_decides_outcome_and_exit_code(error: RetrustError, outcome: str, code: int) -> None:
    """An interception outweighs everything; what a person can solve is no failure."""
    ended = Ended(outcome_of(error), error=error)
    assert (ended.outcome, ended.exit_code) == (outcome, code)


@pytest.mark.parametrize(("outcome", "code"), [("healed", 0), ("healthy", 0), ("waiting", 3)])
def test_without_an_error(outcome: str, code: int) -> None:
    """Healed and healthy are success; a case that waits needs a person."""
    assert Ended(outcome).exit_code == code
