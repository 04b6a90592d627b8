"""What the last line of a screen means while a command is awaited: a prompt, a page, a question. Pure.

Nothing here is certain when it is seen: a look-alike of the prompt may be the start of a longer line. So
each meaning comes with the time in which nothing may follow before it counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from retrust.ssh.dialect import Dialect
from retrust.ssh.terminal import Screen

_WATCH = 10           # how many times longer a last line is watched that came in pieces, or will be answered
_LOGIN_QUESTIONS = 3  # more than an appliance asks; a loop of questions ends here
FOREVER = float("inf")


class Seen(Enum):
    NOTHING = auto()
    PROMPT = auto()
    NO_ECHO = auto()    # a prompt, and the command never appeared
    PAGE = auto()
    MAY_ANSWER = auto()
    QUESTION = auto()


@dataclass
class Turn:
    """One wait for a prompt. ``prompt`` is None before the first, ``command`` None where none was typed."""

    dialect: Dialect
    prompt: str | None = None
    command: str | None = None
    confirm: re.Pattern[str] | None = None
    answers: int = 0
    answered: str = ""
    answered_at: int = -1

    def look(self, screen: Screen) -> tuple[Seen, float]:
        """The meaning of the last line, and for how long (s) nothing may follow."""
        line, dialect = screen.last_line, self.dialect
        if screen.received == self.answered_at:
            return Seen.NOTHING, FOREVER
        if self.is_prompt(line):
            if not self._echoed(screen):
                return Seen.NO_ECHO, dialect.question_quiet
            return Seen.PROMPT, dialect.quiet * (1 if screen.last_pieces <= 1 else _WATCH)
        if line.strip() and dialect.paging.fullmatch(line):
            return Seen.PAGE, dialect.quiet
        if self._may_answer(line):
            return Seen.MAY_ANSWER, dialect.quiet * _WATCH
        if line.strip() and dialect.question.fullmatch(line) and not self._own_answer(line):
            return Seen.QUESTION, dialect.question_quiet
        if not line.strip() and self.prompt is None and self._may_answer(screen.last_full_line):
            return Seen.MAY_ANSWER, dialect.question_quiet
        return Seen.NOTHING, FOREVER

    def _echoed(self, screen: Screen) -> bool:
        if self.command is None or not self.dialect.echo:
            return True
        return screen.echoed(self.command, self.prompt or "", (self.dialect.columns, 80))

    def is_prompt(self, line: str) -> bool:
        if self.prompt is None:
            return bool(self.dialect.prompt.fullmatch(line))
        return line.rstrip() == self.prompt.rstrip()

    def note_answer(self, screen: Screen) -> None:
        """The question on the screen is being answered; it means nothing more until something follows."""
        self.answers += 1
        self.answered = screen.last_line.rstrip() or screen.last_full_line.rstrip()
        self.answered_at = screen.received

    def _may_answer(self, line: str) -> bool:
        """A yes/no question before the first prompt; after it the one confirmation, once, if it asks."""
        if not line.strip() or (self.answered and line.startswith(self.answered)):
            return False
        if self.prompt is None:
            return self.answers < _LOGIN_QUESTIONS and bool(self.dialect.login_question.fullmatch(line))
        asks = self.dialect.question.fullmatch(line) or self.dialect.login_question.fullmatch(line)
        return self.confirm is not None and not self.answers and bool(asks and self.confirm.search(line))

    def _own_answer(self, line: str) -> bool:
        """The question that was answered, with the echo of the answer behind it."""
        return bool(self.answered) and line.startswith(self.answered) and line.rstrip() != self.answered
