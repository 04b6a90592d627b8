"""What ``ncs ha status`` tells of HA's mode. Its wording varies by release, so what is not understood is None."""

from __future__ import annotations

import re

from retrust.models import Relation
from retrust_plugins.cisco_prime.modes import mode_relation

_MODE = re.compile(
    r"(?im)(?:\[\s*state\s*\]|\b(?:configuration\s+mode|ha\s+(?:mode|state|status)|state|mode)\s*[:=])"
    r"\s*(?P<mode>[A-Za-z][A-Za-z ]*[A-Za-z])"
)


def ha_from_cli(answer: str) -> Relation | None:
    """The mode as printed, where the answer holds exactly one; None where it cannot be told."""
    modes = {" ".join(m["mode"].split()) for m in _MODE.finditer(answer)}
    if len(modes) != 1:
        return None
    return mode_relation(modes.pop())
