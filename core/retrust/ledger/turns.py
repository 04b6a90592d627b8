"""Writers that wait at the same time share a transaction: one signature and one commit for all of them.

Each has its turn in it, one after the other in the order of asking, and what one did that fails is undone alone. All
of them go on when the transaction is kept, so the disk is waited for once. Who is alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from retrust.ledger.writing import Writing

LONGEST = 0.05
"""Seconds after which a transaction takes in nobody more, so that the first of it does not wait for ever."""

Transaction = Callable[[], AbstractAsyncContextManager[Writing]]


class _Turn:
    """``ended`` is False for one that failed or was given up; ``kept`` is cancelled when nothing is left of it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[Writing] = loop.create_future()
        self.ended: asyncio.Future[bool] = loop.create_future()
        self.kept: asyncio.Future[asyncio.Future[None]] = loop.create_future()

    def fail(self, exc: BaseException) -> None:
        for future in (self.begun, self.kept):
            if not future.done():
                future.set_exception(exc)
                future.exception()  # looked at, should nobody wait for it


class _Undone(Exception):
    """The first turn failed: nobody else is in the transaction, so all of it is rolled back."""


class Turns:
    """``transaction`` begins one and commits it at its end; ``kept`` follows once for each that was committed."""

    def __init__(self, transaction: Transaction, kept: Callable[[Writing], Awaitable[None]]) -> None:
        self._transaction, self._kept = transaction, kept
        self._waiting: deque[_Turn] = deque()
        self._leader: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Writing]:
        """A part of a transaction: kept when the block has been left, undone when it has raised."""
        mine = _Turn()
        self._waiting.append(mine)
        if self._leader is None:
            self._leader = asyncio.create_task(self._lead(), name="writers of a ledger")
        try:
            yield await mine.begun
        except BaseException:
            mine.ended.set_result(False)
            await asyncio.wait([mine.kept])
            raise
        mine.ended.set_result(True)
        await asyncio.shield(await mine.kept)

    async def _lead(self) -> None:
        try:
            while self._waiting:
                await self._together()
        finally:
            self._leader = None

    async def _together(self) -> None:
        """One transaction; where it fails, so does whoever has had a turn in it, or was to have the first one."""
        turns: list[_Turn] = []
        try:
            async with self._transaction() as writing:
                until = asyncio.get_running_loop().time() + LONGEST
                while self._waiting and (not turns or asyncio.get_running_loop().time() < until):
                    await self._one(writing, turns)
        except _Undone:
            turns[0].kept.cancel()
        except BaseException as exc:
            if not turns and self._waiting:
                turns.append(self._waiting.popleft())
            for turn in turns:
                turn.fail(exc)
            if not isinstance(exc, Exception):
                raise
        else:
            after = asyncio.ensure_future(self._kept(writing))
            for turn in turns:
                turn.kept.set_result(after)

    async def _one(self, writing: Writing, turns: list[_Turn]) -> None:
        turn = self._waiting.popleft()
        if turn.ended.done():
            turn.kept.cancel()
            return
        turns.append(turn)
        if len(turns) > 1:
            await writing.next_turn()
        if not turn.begun.cancelled():
            turn.begun.set_result(writing)
        if await turn.ended:
            return
        if len(turns) == 1:
            raise _Undone
        await writing.undo()
        turns.remove(turn)
        turn.kept.cancel()
