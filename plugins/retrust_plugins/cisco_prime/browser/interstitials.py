"""What pages put between a login and the work: which of it is passed, and which ends with an error. Pure.

A notice is passed by its gentlest button. Nobody else's session is ended, and no password is changed: what
asks for either is quoted to a person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrust_plugins.cisco_prime.browser import words

SKIP = re.compile(
    r"^(skip.*|(remind|ask) me later|(maybe )?later|not now|no,? thanks?.*|continue without.*|dismiss|"
    r"stay (signed|logged) in|keep (me )?(signed|logged) in|(continue|extend|keep) (my |this )?session)$",
    re.I,
)
ONWARD = re.compile(
    r"^(continue.{0,15}|proceed|ok(ay)?|(i )?(accept|agree|acknowledge|understand)|got it|enter|"
    r"go to (the )?(home|dashboard).{0,10})$",
    re.I,
)
PASSWORD = re.compile(r"\bpassword\b", re.I)
TO_CHANGE = re.compile(r"\bexpir\w*|\bchang\w*|\breset\b|\bnew password\b|\bmust be set\b", re.I)
WILL_EXPIRE = re.compile(r"\bwill expire\b|\bexpires (in|on)\b|\babout to expire\b|\bdays? (left|remain)", re.I)
ONWARD_CHANGES = re.compile(r"\b(continu\w*|proceed\w*|ok)\b.{0,25}\bchang|\bmust\b.{0,20}\bchang", re.I)
SESSION = re.compile(r"\bsessions?\b|\b(logged|signed)[ -](in|on)\b|\b(another|other) (user|login|admin\w*)", re.I)
ENDS = re.compile(
    r"\b(end(s|ed|ing)?|terminat\w*|kill\w*|clos(e[sd]?|ing)|invalidat\w*|disconnect\w*|take ?over|"
    r"(log|sign)(s|ged|ging|ed)? (off|out)|logout|replac\w*|discard\w*|forc\w*|drop(s|ped)?)\b",
    re.I,
)
HARMLESS = re.compile(r"\b(was|were|has been|have been|not|never|without|remains?|stays?|your session)\b|n't\b", re.I)
RISKY = re.compile(
    r"\b(delet|remov|overwrit|discard|reset|eras|reboot|restart|shut ?down|upgrad|downgrad|migrat|"
    r"unregister|failover)\w*",
    re.I,
)
TURNED_AWAY = re.compile(
    r"\b(log ?-?in|sign ?-?in|authentication|credentials?)\b[^.!?]{0,30}\b(failed|invalid|denied|incorrect|refused)\b|"
    r"\b(invalid|incorrect|wrong)\b.{0,30}\b(user|password|credential)|\baccount\b.{0,20}\b(locked|disabled)",
    re.I,
)
OF_A_LOGIN = re.compile(
    r"\bsessions?\b|\b(logged|signed)[ -]in\b|\bpassword\b|\blast (successful )?log ?in\b|"
    r"\bterms of use\b|\b(use|usage) policy\b|\bauthori[sz]ed (users?|use)\b",
    re.I,
)


@dataclass(frozen=True)
class Press:
    """Press this button."""

    button: str


@dataclass(frozen=True)
class Refuse:
    """Press nothing; ``why`` names what was asked."""

    why: str


def answer(text: str, buttons: Sequence[str], *, boxes: int = 0, page: bool = False) -> Press | Refuse | None:
    """What to do about a notice or question; None where it is neither understood nor in the way of a login.

    ``boxes`` are the password fields on it. A whole page between login and menu may speak of anything
    harmless; a dialog over the pages must speak of the login.
    """
    skip, onward = _first(SKIP, buttons), _first(ONWARD, buttons)
    if boxes > 1 or (PASSWORD.search(text) and TO_CHANGE.search(text)):
        if not skip and boxes == 0 and WILL_EXPIRE.search(text) and not ONWARD_CHANGES.search(text):
            skip = onward
        return Press(skip) if skip else Refuse("a change of the password")
    if _ends_another(text):
        others = [name for name in buttons if ENDS.search(name)]
        if not others or not onward or _onward_ends(text):
            return Refuse("the end of another session")
        return Press(onward)
    button = skip or onward
    if TURNED_AWAY.search(text) or words.LOGIN_BLOCKED.search(text):
        return None  # no notice, but the answer to the login
    if boxes or button is None or RISKY.search(text) or not (page or OF_A_LOGIN.search(text)):
        return None
    return Press(button)


def _first(pattern: re.Pattern[str], buttons: Sequence[str]) -> str | None:
    return next((name for name in buttons if pattern.match(name)), None)


def _ends_another(text: str) -> bool:
    """Whether a text about sessions speaks of ending one, and not of one that was ended, or will not be."""
    return bool(SESSION.search(text)) and any(
        ENDS.search(said) and not HARMLESS.search(said) for said in _sentences(text)
    )


def _onward_ends(text: str) -> bool:
    onward = re.compile(r"\b(continu|proceed|log(ging)? in)\w*\b.*\b(will|would|and)\b", re.I)
    return any(onward.search(said) and ENDS.search(said) for said in _sentences(text))


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+|\s*\|\s*|\n+", text)
