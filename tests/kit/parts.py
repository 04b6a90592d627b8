"""What a test does between the parts of a pass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from retrust.errors import PermanentError

Act = Callable[[str], Any]


def before_each(act: Act) -> Any:
    """Runs the parts bare, and calls ``act`` with the name of each before it begins."""

    async def part(name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        act(name)
        return await work()

    return part


def at(wanted: str, act: Callable[[], Any]) -> Act:
    """Does this before the part of that name."""
    return lambda name: act() if name == wanted else None


def breaking(wanted: str) -> Act:
    """The part of that name fails before it begins."""

    def fail() -> None:
        raise PermanentError("it broke", where=wanted)

    return at(wanted, fail)
