"""What the last line of a screen means while a command is awaited: a prompt, a page, a question. Pure.

Nothing here is certain when it is seen: a look-alike of the prompt may be the start of a longer line. So
each meaning comes with the time in which nothing may follow before it counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from retrust.ssh.dialect import YES_NO, Dialect, yes_to
from retrust.ssh.terminal import Screen

_WATCH = 10  # how many times longer a last line is watched that came in pieces, or will be answered
_AFTER_BANNER = 50  # likewise a first prompt under other lines: a banner may show what looks like one
_LOGIN_QUESTIONS = 3  # more than an appliance asks; a loop of questions ends here
FOREVER = float("inf")


class Seen(Enum):
    NOTHING = auto()
    PROMPT = auto()
    NO_ECHO = auto()  # a prompt, and the command never appeared
    PAGE = auto()
    MAY_ANSWER = auto()
    QUESTION = auto()
    STALLED = auto()  # a line that is neither, and nothing follows: another prompt, a question in other words
    CUT = auto()  # the prompt behind a line that was not ended: the answer was cut off
    OTHER = auto()  # after a first, harmless command another prompt than the one that was taken for it
    RETURNS = auto()  # lines are ended by carriage returns alone


@dataclass
class Turn:
    """One wait for a prompt. ``prompt`` is None before the first, ``command`` None where none was typed.

    ``echo`` is whether what is typed is shown; a ``first`` command finds out.
    """

    dialect: Dialect
    prompt: str | None = None
    command: str | None = None
    confirm: re.Pattern[str] | None = None
    echo: bool = True
    first: bool = False
    answers: int = 0
    answer: str = ""
    typed: str = ""
    answered: str = ""
    answered_at: int = -1
    above: int = 0

    def look(self, screen: Screen) -> tuple[Seen, float]:
        """The meaning of the last line, and for how long (s) nothing may follow."""
        line, dialect = screen.last_line, self.dialect
        if screen.received == self.answered_at:
            return Seen.NOTHING, FOREVER
        if self._after_return(screen):
            return Seen.RETURNS, dialect.quiet * _WATCH
        if self.is_prompt(line):
            if not self._echoed(screen):
                return Seen.NO_ECHO, dialect.question_quiet
            if self.prompt is None and screen.full_lines:
                return Seen.PROMPT, dialect.quiet * _AFTER_BANNER
            return Seen.PROMPT, dialect.quiet * (1 if self.echo and screen.last_pieces <= 1 else _WATCH)
        if line.strip() and dialect.paging.fullmatch(line):
            return Seen.PAGE, dialect.quiet
        if self._may_answer(line, screen):
            return Seen.MAY_ANSWER, dialect.quiet * _WATCH
        asks = dialect.question.fullmatch(line) or YES_NO.fullmatch(line)
        if line.strip() and asks and not self._own_answer(line):
            return Seen.QUESTION, dialect.question_quiet
        return self._at_rest(line, screen)

    def _at_rest(self, line: str, screen: Screen) -> tuple[Seen, float]:
        """What a line that is no prompt and no question means once nothing follows it."""
        dialect = self.dialect
        if self.prompt is not None:
            cut = self.command is not None and line.rstrip().endswith(self.prompt.rstrip())
            other = bool(dialect.prompt.fullmatch(line))
            if other and self.first and self._echoed(screen, line):
                return Seen.OTHER, dialect.question_quiet
            return (Seen.CUT if cut else Seen.STALLED, dialect.stalled) if cut or other else (Seen.NOTHING, FOREVER)
        if line.strip():
            echo = bool(self.answered) and line.strip() == self.typed
            return (Seen.NOTHING, FOREVER) if echo else (Seen.STALLED, dialect.stalled)
        last = screen.last_full_line
        if self._may_answer(last, screen):
            return Seen.MAY_ANSWER, dialect.question_quiet
        asked = bool(YES_NO.fullmatch(last)) and not last.startswith(self.answered or "\0")
        return (Seen.STALLED, dialect.stalled) if asked else (Seen.NOTHING, FOREVER)

    def _after_return(self, screen: Screen) -> bool:
        """Whether a carriage return alone ended what stands before the prompt; a line drawn anew is none."""
        before, after = screen.around_return
        return bool(before.strip()) and self.is_prompt(after) and not self.is_prompt(before)

    def _echoed(self, screen: Screen, prompt: str | None = None) -> bool:
        if self.command is None or not self.echo:
            return True
        return screen.echoed(self.command, prompt or self.prompt or "", (self.dialect.columns, 80))

    def is_prompt(self, line: str) -> bool:
        if self.prompt is None:
            return bool(self.dialect.prompt.fullmatch(line))
        return line.rstrip().casefold() == self.prompt.rstrip().casefold()

    def note_answer(self, screen: Screen) -> None:
        """The question on the screen is being answered; it means nothing more until something follows."""
        self.answers, self.typed = self.answers + 1, self.answer
        self.answered = screen.last_line.rstrip() or screen.last_full_line.rstrip()
        self.answered_at = screen.received
        if self.prompt is None:
            screen.end_line()  # where nothing is echoed, the next line would seem to belong to it
            self.above = len(screen.full_lines)

    def _may_answer(self, line: str, screen: Screen) -> bool:
        """A question before the first prompt that is ours to answer; after it the one confirmation, once.

        Keeps the ``answer``.
        """
        if not line.strip() or (self.answered and line.startswith(self.answered)):
            return False
        if self.prompt is None:
            above = [full for full in screen.full_lines[self.above :] if full.strip() and full != line]
            answer = self.dialect.login_answer(line, above)
            self.answer = answer or ""
            return answer is not None and self.answers < _LOGIN_QUESTIONS + len(self.dialect.answers)
        self.answer = yes_to(line)
        asks = self.dialect.question.fullmatch(line) or YES_NO.fullmatch(line)
        return self.confirm is not None and not self.answers and bool(asks and self.confirm.search(line))

    def _own_answer(self, line: str) -> bool:
        """The question that was answered, with the echo of the answer behind it."""
        return bool(self.answered) and line.startswith(self.answered) and line.rstrip() != self.answered
