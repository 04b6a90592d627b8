"""How a command line talks: its prompt, its paging, its questions. Each target plugin brings its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

PAGING = re.compile(r"\s*-+\s?more\s?-+.*", re.IGNORECASE)
_YES, _NO = r"[(\[<]?y[)\]>]?(?:es)?[)\]>]?", r"[(\[<]?n[)\]>]?o?[)\]>]?"
YES_NO = re.compile(
    rf".*(?<![a-z0-9])(?:{_YES}\s*(?:/|\||\bor\b)\s*{_NO}|[(\[]\s*y(?:es)?\s*,\s*no?\s*[)\]])(?![a-z0-9])"
    r"[\s:?>)\]\[.a-z]*", re.IGNORECASE)
"""However it is written: `(yes/no)`, `[y/N]`, `y/n:`, `[Y]es/[N]o?`, `yes or no`; a default may follow."""
QUESTION = re.compile(r".*(?:[?:\]]|[(\[]\s*y(?:es)?\s*/\s*no?\s*[)\]][^\w]*)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """All patterns are matched against the whole last line, which no line end has followed yet.

    ``prompt`` recognises the first prompt; from then on that very text is waited for. ``login_question`` is
    answered ``yes`` before the first prompt, ``question`` is what else counts as being asked something.
    ``forbidden`` are characters that the line editor acts upon when typed, such as a help key.
    For ``quiet`` (s) nothing must follow a prompt for it to be one; for ``question_quiet`` (s) a question.
    ``echo`` False is for a command line that does not show what is typed.
    """

    prompt: re.Pattern[str]
    paging: re.Pattern[str] = PAGING
    login_question: re.Pattern[str] = YES_NO
    question: re.Pattern[str] = QUESTION
    enter: str = "\n"
    forbidden: str = ""
    echo: bool = True
    quiet: float = 0.005
    question_quiet: float = 3.0
    terminal: str = "vt100"
    columns: int = 511
    rows: int = 1000
