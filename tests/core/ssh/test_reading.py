"""What the last line means, and how long nothing may follow before it counts."""

from __future__ import annotations

import re

import pytest

from retrust.ssh import Dialect
from retrust.ssh.reading import FOREVER, Seen, Turn
from retrust.ssh.terminal import Screen

DIALECT = Dialect(prompt=re.compile(r"\w+/\w+# ?"), quiet=1.0, question_quiet=7.0)
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
        ("show\r\nsec/admin# ", Seen.NOTHING, FOREVER),
        ("show\r\npri/admin# \r\n", Seen.NOTHING, FOREVER),
        ("show\r\n x pri/admin# ", Seen.NOTHING, FOREVER),
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
    screen = _screen("Agree? (yes/no) ")
    turn = Turn(DIALECT)
    assert turn.look(screen)[0] is Seen.MAY_ANSWER
    turn.note_answer(screen)
    assert turn.look(screen)[0] is Seen.NOTHING
    screen.feed("yes")
    assert turn.look(screen)[0] is Seen.NOTHING
    screen.feed("\r\nAgree? (yes/no) ")
    assert turn.look(screen)[0] is Seen.QUESTION
