"""What each HA Configuration Mode means for registering, as one table.

Only what is listed has a meaning: every other text is ``other``, and whoever decides stops on it; a
``recovering`` one goes on by itself once the nodes trust each other again. The
modes but the first two are recalled from manuals, not re-read; in a failover the secondary holds the
newer database, and registering copies the primary's over it.
"""

from __future__ import annotations

from typing import Literal

from retrust.models import Relation

ModeClass = Literal["healthy", "registerable", "initializing", "recovering", "other"]

MODES: dict[str, ModeClass] = {
    "primary active": "healthy",
    "ha not configured": "registerable",
    "ha initializing": "initializing",
    "primary syncing": "initializing",
    "primary alone": "other",
    "primary lost secondary": "recovering",
    "primary failover": "other",
    "primary failback": "other",
    "primary uncertain": "other",
    "secondary syncing": "other",
    "secondary active": "other",
    "secondary alone": "other",
    "secondary lost primary": "other",
    "secondary uncertain": "other",
}


def classify_mode(text: str) -> ModeClass:
    """The class of a mode as displayed; case and the number of blanks do not matter."""
    return MODES.get(" ".join(text.split()).casefold(), "other")


def mode_relation(text: str, detail: str | None = None) -> Relation:
    """A displayed mode as a relation: healthy, known not to be, or (unlisted) not known to mean either."""
    listed = " ".join(text.split()).casefold() in MODES
    return Relation(status=text, healthy=classify_mode(text) == "healthy" if listed else None, detail=detail)
