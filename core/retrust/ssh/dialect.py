"""How a command line talks: its prompt, its paging, its questions. Each target plugin brings its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PAGING = re.compile(r"\s*-+\s?more\s?-+.*", re.IGNORECASE)
_YES, _NO = r"[(\[<]?y[)\]>]?(?:es)?[)\]>]?", r"[(\[<]?n[)\]>]?o?[)\]>]?"
YES_NO = re.compile(
    rf".*(?<![a-z0-9])(?:{_YES}\s*(?:/|\||\bor\b)\s*{_NO}|[(\[]\s*y(?:es)?\s*,\s*no?\s*[)\]])(?![a-z0-9])"
    r"[\s:?>)\]\[.a-z]*",
    re.IGNORECASE,
)
"""However it is written: `(yes/no)`, `[y/N]`, `y/n:`, `[Y]es/[N]o?`, `yes or no`; a default may follow."""
QUESTION = re.compile(r".*(?:[?:\]]|[(\[]\s*y(?:es)?\s*/\s*no?\s*[)\]][^\w]*|\b(?:press|hit)\b.*)\s*", re.IGNORECASE)
RESUME = re.compile(r"\bsession.*\bresume\b.*\bpress\W+(?:enter|return)\W+to start (?:a )?new\b.*", re.IGNORECASE)
PASSWORD = re.compile(r"passwor|passphrase|passcode|kennwort|contraseña|mot de passe|\bpin\b", re.IGNORECASE)
_AGREES = re.compile(r"\b(?:accept|agree|acknowledge|consent)", re.IGNORECASE)
_TERMS = re.compile(
    r"\bterms\b|\bpolic(?:y|ies)\b|\bbanner\b|\bconditions\b|\bnotice\b|authori[sz]ed (?:use|access|person|parties)"
    r"|acceptable use|rules of (?:use|behavio)|monitor",
    re.IGNORECASE,
)
_MORE_THAN_TERMS = re.compile(
    PASSWORD.pattern + r"|expire|discard|unsaved|changes?\b|terminat|disconnect|\bkill|\b(?:end|close|log ?out)\b"
    r"|overwrit|\berase|\bdelet|reload|reboot|restart|install|upgrad|licen[cs]e|configur|\bsav(?:e|ing)\b|\breset",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"expire|discard|unsaved|overwrit|must (?:be )?chang|will be (?:terminat|disconnect|ended|closed)"
    r"|(?:another|other|existing|active) session",
    re.IGNORECASE,
)
_SEEN = 12  # lines above a question that can say which terms are meant


@dataclass(frozen=True)
class LoginAnswer:
    """A question that a site allows to be answered before the first prompt, and how."""

    match: re.Pattern[str]
    answer: str


def accepts_terms(question: str, above: Sequence[str]) -> bool:
    """Whether ``question`` asks to accept terms of use and nothing else, read with the lines above it.

    A question that names the terms itself is believed unless it, or a change announced above it, is about more;
    one that does not is read with all that stands above, in which a word of anything else makes it another one.
    """
    if not YES_NO.fullmatch(question) and not re.fullmatch(r".*\?\s*", question):
        return False
    text = " ".join([*above[-_SEEN:], question])
    asked = question if _AGREES.search(question) else " ".join([*above[-1:], question])
    if not _AGREES.search(asked) or _MORE_THAN_TERMS.search(asked):
        return False
    if _TERMS.search(asked):
        return not _ANNOUNCED.search(text)
    return bool(_TERMS.search(text)) and not _MORE_THAN_TERMS.search(text)


def yes_to(question: str) -> str:
    """``yes``, or ``y`` where the question offers that letter alone."""
    return "y" if YES_NO.fullmatch(question) and not re.search(r"y\W?es\b", question, re.IGNORECASE) else "yes"


@dataclass(frozen=True)
class Dialect:
    """All patterns are matched against the whole last line, which no line end has followed yet.

    ``prompt`` recognises the first prompt; from then on that very text is waited for. ``nested`` is a prompt
    of an inner mode, which is left with ``leave``. Before the first prompt terms of use are accepted, the offer
    to ``resume`` a session is answered with Enter, and what ``answers`` allow; ``question`` is what else counts
    as being asked something. ``forbidden`` are characters that the line editor acts upon when typed.
    For ``quiet`` (s) nothing must follow a prompt for it to be one; for ``question_quiet`` (s) a question;
    for ``stalled`` (s) a line that is neither.
    """

    prompt: re.Pattern[str]
    paging: re.Pattern[str] = PAGING
    resume: re.Pattern[str] = RESUME
    question: re.Pattern[str] = QUESTION
    answers: tuple[LoginAnswer, ...] = ()
    nested: re.Pattern[str] | None = None
    leave: str = "end"
    enter: str = "\n"
    forbidden: str = ""
    echo: bool = True
    quiet: float = 0.005
    question_quiet: float = 3.0
    stalled: float = 10.0
    terminal: str = "vt100"
    columns: int = 511
    rows: int = 1000

    def login_answer(self, question: str, above: Sequence[str]) -> str | None:
        """What to type at a question before the first prompt; None where it is not ours to answer."""
        plain = " ".join(question.split())
        wrapped = [
            f"{line.rstrip()}{joint}{plain}"
            for line in above[-1:]
            if not self.resume.search(line)
            for joint in ("", " ")
        ]
        if any(self.resume.search(text) for text in (plain, *wrapped)):
            return ""
        if accepts_terms(plain, above):
            return yes_to(plain)
        allowed = next((a.answer for a in self.answers if a.match.search(plain)), None)
        return None if PASSWORD.search(plain) else allowed
