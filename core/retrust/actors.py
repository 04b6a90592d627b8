"""Who acts, as the ledger writes it: a person who was shown to be one, the service, or nobody who is known.

Names are compared here, so that one person is one, however their name is written. How a person is shown to be
one is ``retrust.approval.tokens``'s and, at the terminal, ``retrust.cli.showing``'s.
"""

from __future__ import annotations

import os
import unicodedata

UNKNOWN = "unknown"
"""Somebody at a terminal who showed no identity, where the inventory names people."""


def account() -> str:
    """The account's name at this terminal. A label, never an identity: anybody may set the variables."""
    return f"person:{os.environ.get('SUDO_USER') or os.environ.get('USER') or os.environ.get('LOGNAME') or _uid()}"


def _uid() -> str:
    return f"uid-{os.getuid()}" if hasattr(os, "getuid") else UNKNOWN


def same_person(one: str, other: str) -> bool:
    """Whether two names of actors are one person's."""
    return person_key(one) == person_key(other)


def person_key(actor: str) -> str:
    """How a person is recognised: ``person:Ann`` and ``ann`` are one, so that nobody counts twice."""
    return unicodedata.normalize("NFKC", actor).strip().casefold().removeprefix("person:").strip()
