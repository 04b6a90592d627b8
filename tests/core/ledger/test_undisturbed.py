"""What was begun runs to its end, also when whoever wants it is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from retrust.audit import verify_chain
from retrust.ledger import Ledger
from retrust.ledger.undisturbed import undisturbed
from retrust.testing.ledgers import noticed


async def test_it_gives_what_the_work_gives() -> None:
    """Its result, its error, and its name."""

    @undisturbed
    async def divided(by: int, *, of: int = 6) -> int:
        return of // by

    assert (await divided(2), await divided(3, of=9), divided.__name__) == (3, 3, "divided")
    with pytest.raises(ZeroDivisionError):
        await divided(0)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_caller_waits_for_the_end(times: int, fails: bool) -> None:
    """However often it is cancelled: the work ends, then the cancellation is raised, whatever came of the work."""
    begun, go, ended = asyncio.Event(), asyncio.Event(), []

    @undisturbed
    async def work() -> None:
        begun.set()
        await go.wait()
        ended.append(True)
        if fails:
            raise ZeroDivisionError

    task = asyncio.create_task(work())
    await begun.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_a_cancelled_writer_leaves_no_lock(ledger: Ledger) -> None:
    """Cancelled at any point of its way, once or again while it gives up: others write on, the chain is whole."""
    for turns in range(40):
        task = asyncio.create_task(ledger.append(noticed(turns), actor="cancelled"))
        for _ in range(turns):
            await asyncio.sleep(0)
        for _ in range(1 + turns % 3):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(task, return_exceptions=True)
        await ledger.append(noticed(turns), actor="next")
    assert len([e async for e in ledger.walk() if e.actor == "next"]) == 40
    report = await verify_chain(ledger)
    assert report.ok, report
