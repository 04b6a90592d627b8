"""The one thing that moves on a terminal's stderr at a time (``moving`` draws it); it goes before a line comes."""

from __future__ import annotations

from typing import Any

_moving: list[Any] = []


def start(moving: Any) -> None:
    stop()
    _moving.append(moving)
    moving.start()


def stop() -> None:
    while _moving:
        _moving.pop().stop()


def moves(moving: Any) -> bool:
    return moving in _moving
