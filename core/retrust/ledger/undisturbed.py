"""A transaction that was begun runs to its end, also when the task that wants it is cancelled.

A driver that is cancelled in the middle of a statement leaves its connection, and SQLite's one write
lock with it, to whenever the garbage is collected. So whatever speaks to the database does so in a task
of its own: its caller's cancellation waits for the few milliseconds that this takes, and is raised then.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def undisturbed(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    @functools.wraps(work)
    async def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(work(*args, **kwargs))
        disturbed: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as exc:
                disturbed = exc
        if disturbed is None:
            return task.result()
        if not task.cancelled():
            task.exception()  # looked at: nobody else will
        raise disturbed

    return whole
