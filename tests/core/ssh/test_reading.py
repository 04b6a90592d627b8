"""What the last line means, and how long nothing may follow before it counts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrust.ssh import Dialect, LoginAnswer
from retrust.ssh.reading import FOREVER, Seen, Turn
from retrust.ssh.terminal import Screen

DIALECT = Dialect(prompt=re.compile(r"\w+/\w+# ?"), quiet=1.0, question_quiet=7.0, stalled=20.0)
PROMPT = "pri/admin# "


def _screen(*pieces: str) -> Screen:
    screen = Screen()
    for piece in pieces:
        screen.feed(piece)
    return screen


@pytest.mark.parametrize(
    ("pieces", "watch"),
    [
        (["show\r\nanswer\r\npri/admin# "], 1.0),
        (["show\r\nanswer\r\n", "pri/admin# "], 1.0),
        (["show\r\nanswer\r\n", "\x1b[?2004h", "pri/admin# "], 1.0),
        (["show\r\nanswer\r\npri/", "admin# "], 10.0),
        (["show\r\nanswer\r\npri/admin#", " "], 10.0),
    ],
)
def test_a_prompt_in_pieces_is_watched_longer(pieces: list[str], watch: float) -> None:
    """It may be the start of a line that only looks like the prompt; switches of mode are no pieces."""
    assert Turn(DIALECT, PROMPT, "show").look(_screen(*pieces)) == (Seen.PROMPT, watch)


@pytest.mark.parametrize(
    ("text", "seen", "watch"),
    [
        ("show\r\npri/admin# x", Seen.NOTHING, FOREVER),
        ("show\r\nsec/admin# ", Seen.STALLED, 20.0),
        ("show\r\npri/admin# \r\n", Seen.NOTHING, FOREVER),
        ("show\r\n x pri/admin# ", Seen.CUT, 20.0),
        ("pri/admin# ", Seen.NO_ECHO, 7.0),
        ("other\r\npri/admin# ", Seen.NO_ECHO, 7.0),
        ("show\r\n --More-- ", Seen.PAGE, 1.0),
        ("show\r\n-- more -- (q to quit)", Seen.PAGE, 1.0),
        ("show\r\nSave? ", Seen.QUESTION, 7.0),
        ("show\r\nSave (y/n)", Seen.QUESTION, 7.0),
        ("show\r\nPassword:", Seen.QUESTION, 7.0),
        ("show\r\nName []", Seen.QUESTION, 7.0),
        ("show\r\nStopping services ...", Seen.NOTHING, FOREVER),
        ("show\r\nSave?\r\n", Seen.NOTHING, FOREVER),
    ],
)
def test_last_lines_and_their_meaning(text: str, seen: Seen, watch: float) -> None:
    """Only the whole last line, not ended, means anything; what is no prompt needs longer silence."""
    assert Turn(DIALECT, PROMPT, "show").look(_screen(text)) == (seen, watch)


def test_an_answered_question_means_nothing_until_something_follows() -> None:
    """Its own echo is not a new question; the same question asked again is."""
    screen = _screen("Agree to the terms? (yes/no) ")
    turn = Turn(DIALECT)
    assert turn.look(screen)[0] is Seen.MAY_ANSWER
    turn.note_answer(screen)
    assert turn.look(screen)[0] is Seen.NOTHING
    screen.feed("yes")
    assert turn.look(screen)[0] is Seen.NOTHING
    screen.feed("\r\nAgree to the terms? (yes/no) ")
    assert turn.look(screen)[0] is Seen.QUESTION


TERMS = [
    "Do you accept the terms of use? (yes/no) ",
    "I acknowledge the acceptable use policy [Y/N]: ",
    "Do you agree to the conditions of use?",
    "Accept the login banner (y/n)? ",
    "Do you consent to monitoring of authorized use only, yes or no? ",
]


@pytest.mark.parametrize("question", TERMS)
def test_terms_of_use_are_accepted(question: str) -> None:
    """In words of its own, whatever a banner above it says of terms."""
    for banner in ("", "WARNING: authorized use only. Disconnect at once if you are not. Passwords are monitored.\r\n"):
        turn = Turn(DIALECT)
        assert turn.look(_screen(banner + question))[0] is Seen.MAY_ANSWER
        assert turn.answer in ("yes", "y")


@pytest.mark.parametrize(
    "text",
    [
        "Your password has expired; the policy asks for a new one.\r\nDo you accept (yes/no)? ",
        "Your password has expired.\r\nDo you accept the policy (yes/no)? ",
        "There are unsaved changes.\r\nDo you agree to the terms (yes/no)? ",
        "Another session is open.\r\nAcknowledge the notice (yes/no)? ",
        "Do you accept the new password policy? [y/n]",
        "Do you accept the license terms (yes/no)? ",
        "Do you agree to reset the banner (yes/no)? ",
        "Do you accept (yes/no)? ",
        "Terms of use. Continue (yes/no)? ",
    ],
)
def test_what_may_be_about_more_than_terms_is_not_accepted(text: str) -> None:
    """It is a question for a person."""
    assert Turn(DIALECT).look(_screen(text))[0] is Seen.QUESTION


@pytest.mark.parametrize(
    "offer",
    [
        "Enter session number to resume or press <Enter> to start a new one:",
        "Enter session number to resume or press <Enter> to start a ne\r\nw one:",
        "enter the session number to resume, or press [Return] to start a new session: ",
    ],
)
def test_the_offer_to_resume_is_answered_with_nothing(offer: str) -> None:
    """Enter alone starts a new session; the offer may be wrapped."""
    turn = Turn(DIALECT)
    assert turn.look(_screen(offer))[0] is Seen.MAY_ANSWER
    assert turn.answer == ""


def test_a_site_allows_a_question_but_never_one_for_a_password() -> None:
    """The pattern and answer of the inventory count, not for what asks for a password."""
    answers = (LoginAnswer(re.compile("which (role|password)", re.IGNORECASE), "operator"),)
    turn = Turn(replace(DIALECT, answers=answers))
    assert turn.look(_screen("Which role? "))[0] is Seen.MAY_ANSWER
    assert turn.answer == "operator"
    assert turn.look(_screen("Which password? "))[0] is Seen.QUESTION


PARTS = st.sampled_from(
    [
        "",
        "Welcome # to the lab #\r\n",
        "Last login: Tue Mar 10 from 192.0.2.10\r\n",
        "\r\n",
        "pri/admin# \r\n",
        "There were 3 failed login attempts\r\n",
    ]
)
OURS = {
    **dict.fromkeys(TERMS, ("yes", "y")),
    "Enter session number to resume or press <Enter> to start a new one:": ("",),
}
NOT_OURS = [
    "Change it now? [y/n]: ",
    "New password: ",
    "Discard the configuration (yes/no)? ",
    "Role []: ",
    "End the other session? (yes/no) ",
    "Press any key",
    "Continue? (yes/no) ",
    "Username: ",
]


@given(st.lists(st.one_of(PARTS, st.sampled_from([*OURS, *NOT_OURS])), max_size=6))
def test_whatever_a_login_says_only_allowed_answers_are_typed(parts: list[str]) -> None:
    """Played part by part: what is not ours to answer ends it, and nothing was typed at it."""
    screen, turn = Screen(), Turn(DIALECT)
    for part in parts:
        screen.feed(part)
        if not part or part.endswith("\n"):
            assert turn.look(screen)[0] is not Seen.MAY_ANSWER
            continue
        seen, _ = turn.look(screen)
        if part in NOT_OURS or seen is not Seen.MAY_ANSWER:
            assert seen in (Seen.QUESTION, Seen.STALLED)
            return
        assert turn.answer in OURS[part]
        turn.note_answer(screen)
        screen.feed(f"{turn.answer}\r\n")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("show\rhost=a\rpri/admin# ", Seen.RETURNS),
        ("show\r\n --More-- \r          \rpri/admin# ", Seen.PROMPT),
        ("show\r\n\rpri/admin# \rpri/admin# ", Seen.PROMPT),
    ],
)
def test_carriage_returns_alone_may_end_lines(text: str, seen: Seen) -> None:
    """Where they do, they are used from then on; what only draws a line anew does not."""
    screen, turn = _screen(text), Turn(DIALECT, PROMPT, "show")
    assert turn.look(screen)[0] is seen
    if seen is Seen.RETURNS:
        screen.use_returns()
        assert turn.look(screen)[0] is Seen.PROMPT
        assert screen.answer() == "host=a\n"
