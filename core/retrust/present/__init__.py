"""What people and programs are shown: ``json`` for ``--json``, ``case`` a case's story, ``text`` foreign text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.present.case import milestones_of, story_object

__all__ = ["milestones_of", "story_object"]

__getattr__ = lazily(
    __name__,
    case="milestones_of story_object",
)
