"""What people and programs are shown: ``json`` for ``--json``, ``case`` a case's story, ``text`` foreign text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.present.case import milestones_of, story_object
    from retrust.present.json import plan_object
    from retrust.present.text import escaped

__all__ = ["escaped", "milestones_of", "plan_object", "story_object"]

__getattr__ = lazily(
    __name__,
    json="plan_object",
    case="milestones_of story_object",
    text="escaped",
)
