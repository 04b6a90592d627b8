"""What a plugin says of a verb it adds to ``retrust``; the shell itself is ``retrust.cli``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """``name`` may hold one blank (``lab up``: verb ``up`` of the group ``lab``).

    ``load`` is ``package.module:function``, a function that Typer understands; it is imported when the
    verb is used, so that a plugin's weight is paid only by those who use it.
    """

    name: str
    help: str
    load: str
