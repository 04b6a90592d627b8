"""What a line asks, and what is typed at it; when a line counts as the last one is in ``test_reading``."""

from __future__ import annotations

import re

import pytest

from retrust.ssh import Dialect, LoginAnswer
from retrust.ssh.dialect import PAGING, QUESTION, YES_NO, accepts_terms, yes_to

DIALECT = Dialect(re.compile("# "), answers=(LoginAnswer(re.compile("role|PIN|terms"), "operator"),))


@pytest.mark.parametrize(
    ("pattern", "line", "matches"),
    [
        (PAGING, " --More-- ", True),
        (PAGING, "-- more -- (q to quit)", True),
        (PAGING, "no more", False),
        (YES_NO, "Go on? [Y]es/[N]o? ", True),
        (YES_NO, "Go on, yes or no: ", True),
        (YES_NO, "Go on (y,n) [no]? ", True),
        (YES_NO, "by/no means", False),
        (QUESTION, "Name []", True),
        (QUESTION, "Press any key to continue", True),
        (QUESTION, "Stopping services ...", False),
    ],
)
def test_lines_that_wait_are_told_from_those_that_do_not(pattern: re.Pattern[str], line: str, matches: bool) -> None:
    """However a question, its choices or a pager's line is written."""
    assert bool(pattern.fullmatch(line)) is matches


@pytest.mark.parametrize(
    ("above", "question", "accepted"),
    [
        ((), "Do you accept the terms of use (yes/no)? ", True),
        (("Terms of use apply.",), "Do you agree (yes/no)? ", True),
        (("Terms of use.", *["-"] * 12), "Do you agree (yes/no)? ", False),
        (("Your password has expired.",), "Do you accept the terms of use (yes/no)? ", False),
        (("Terms of use apply. The node will reload.",), "Do you agree (yes/no)? ", False),
        ((), "You accept the terms of use by going on.", False),
    ],
)
def test_terms_are_accepted_only_where_nothing_else_is_asked(
    above: tuple[str, ...], question: str, accepted: bool
) -> None:
    """The lines shortly above a question say what it is about."""
    assert accepts_terms(question, above) is accepted


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Agree (yes/no)? ", "yes"),
        ("Agree [y/N]: ", "y"),
        ("Agree [Y]es/[N]o? ", "yes"),
        ("Do you agree?", "yes"),
    ],
)
def test_yes_is_written_as_the_question_offers_it(question: str, answer: str) -> None:
    """The letter alone only where the letter alone is offered."""
    assert yes_to(question) == answer


@pytest.mark.parametrize(
    ("above", "question", "answer"),
    [
        ((), "Which role? ", "operator"),
        ((), "Which role, and its password? ", None),
        ((), "Your PIN: ", None),
        ((), "Which colour? ", None),
        ((), "Do you accept the terms of use (yes/no)? ", "yes"),
        (("Enter session number to resume or press <Enter> to start a ne",), "w one:", ""),
        (("Enter session number to resume or press <Enter> to start a new one:",), "Which role? ", "operator"),
    ],
)
def test_a_login_answers_what_is_ours_to_answer(above: tuple[str, ...], question: str, answer: str | None) -> None:
    """Terms, the offer to resume, and what a site allows; a secret is never typed because a pattern fits."""
    assert DIALECT.login_answer(question, above) == answer
