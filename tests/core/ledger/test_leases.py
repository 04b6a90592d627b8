from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from retrust.errors import LeaseHeld
from retrust.ledger import LeaseLost, Ledger, LedgerError, SiteLeased, StillSending
from retrust.ledger.process import Process, this_process
from retrust.testing.ledgers import SITE, SetClock, plan


async def never(_seconds: float) -> None:
    """A beat that does not come: the lease is renewed by hand only."""
    await asyncio.Event().wait()


class Beats:
    """A beat that comes when the test says so."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._go = asyncio.Semaphore(0)
        self._back = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._back.release()
        await self._go.acquire()

    async def once(self) -> None:
        self._go.release()
        await self._back.acquire()


async def test_a_held_site_names_its_holder(ledger: Ledger, clock: SetClock) -> None:
    """The second run hears who works on the site, where, on what and since when."""
    async with ledger.lease(SITE, owner="cli:root@alpha", what="remediation of c2", beat=never) as lease:
        await lease.check()
        with pytest.raises(LeaseHeld) as held:
            async with ledger.lease(SITE, owner="service", what="sweep", beat=never):
                pytest.fail("two runs on one site")
        said = str(held.value)
        assert (
            f"cli:root@alpha ({this_process()}) works on this site since 2024-05-01 12:00:00 UTC: remediation" in said
        )
        async with ledger.lease("elsewhere", owner="service", what="another site", beat=never):
            pass
    assert await ledger.holder(SITE) is None


async def test_tokens_grow(ledger: Ledger) -> None:
    """A later lease has a higher token, after a release as well as after a takeover."""
    tokens = []
    for _ in range(3):
        async with ledger.lease(SITE, owner="service", what="run", beat=never) as lease:
            tokens.append(lease.token)
            assert lease.predecessor is None
    assert tokens == sorted(set(tokens))


async def test_a_lease_that_ran_out_is_taken_over(ledger: Ledger, clock: SetClock) -> None:
    """The new run learns whose it was; the old one may not send, record, or give the site back."""
    case = (await ledger.open_case(SITE, cause="x", actor="service")).id
    await ledger.record_plan(case, plan(), actor="service")
    await ledger.move(case, "approve", actor="service")
    await ledger.use_digest(case, "d1", actor="service")
    await ledger.move(case, "execute", actor="service")
    async with ledger.lease(SITE, owner="old", what="run", ttl=60, beat=never) as old:
        await ledger.record_step(case, "d1", "delete-1", "started", lease=old, actor="old")
        clock.forward(seconds=61)
        with pytest.raises(LeaseLost, match="ran out"):
            await old.check()
        async with ledger.lease(SITE, owner="new", what="run", ttl=60, beat=never) as new:
            assert new.token > old.token
            assert new.predecessor is not None
            assert new.predecessor.owner == "old"
            with pytest.raises(LeaseLost, match="new took the site over"):
                await old.check()
            with pytest.raises(LeaseLost):
                await old.renew()
            for phase in ("started", "sent", "done"):
                with pytest.raises(LeaseLost):
                    await ledger.record_step(case, "d1", "delete-1", phase, lease=old, actor="old")
            with pytest.raises(LeaseLost):
                await ledger.move(case, "fail", actor="old", lease=old)
            with pytest.raises(StillSending, match="may still be sending delete-1"):
                await ledger.record_step(case, "d1", "delete-1", "started", lease=new, actor="new")
            for _ in range(6):
                clock.forward(seconds=50)
                await new.renew()
            await ledger.record_step(case, "d1", "delete-1", "started", lease=new, actor="new")
            await old._book._release(old)
            await new.check()
    assert [step.phase for step in await ledger.steps(case)] == ["started", "started"]


async def test_a_clock_set_back_keeps_no_site_for_long(ledger: Ledger, clock: SetClock) -> None:
    """A lease counted by a clock that was a day ahead is over; one that lives is counted anew, and stays."""
    async with ledger.lease(SITE, owner="old", what="run", ttl=60, beat=never) as old:
        clock.forward(seconds=-30)  # as time servers do
        assert not await ledger.is_free(SITE)
        clock.forward(days=-1)
        await old.check()
        assert await ledger.is_free(SITE)
        await old.renew()
        assert not await ledger.is_free(SITE)
        clock.forward(days=-1)
        async with ledger.lease(SITE, owner="new", what="run", ttl=60, beat=never):
            with pytest.raises(LeaseLost, match="new took the site over"):
                await old.check()


async def test_a_clock_set_ahead_ends_a_lease_before_the_next_send(ledger: Ledger, clock: SetClock) -> None:
    """Whoever holds it is told at the check, and can go on only with a new one."""
    async with ledger.lease(SITE, owner="old", what="run", ttl=60, beat=never) as old:
        clock.forward(days=1)
        with pytest.raises(LeaseLost, match="ran out"):
            await old.check()
    async with ledger.lease(SITE, owner="old", what="run", ttl=60, beat=never) as again:
        await again.check()


async def test_a_lease_that_could_not_be_given_back_is_over(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that held it knows, and does not wait for itself until the time has run out."""
    with monkeypatch.context() as patch:
        async with ledger.lease(SITE, owner="service", what="run", beat=never) as lease:
            patch.setattr(ledger, "write", _full)
    assert (await ledger.holder(SITE)) is not None
    assert await ledger.is_free(SITE)
    async with ledger.lease(SITE, owner="service", what="run", beat=never) as again:
        assert again.token > lease.token


@asynccontextmanager
async def _full() -> AsyncIterator[None]:
    raise LedgerError("database or disk is full", where="ledger.db")
    yield


async def test_what_was_sent_is_recorded_after_the_time_ran_out(ledger: Ledger, clock: SetClock) -> None:
    """A slow step that nobody took over is told; only a new one is not started."""
    case = (await ledger.open_case(SITE, cause="x", actor="service")).id
    await ledger.record_plan(case, plan(), actor="service")
    await ledger.move(case, "approve", actor="service")
    await ledger.use_digest(case, "d1", actor="service")
    await ledger.move(case, "execute", actor="service")
    async with ledger.lease(SITE, owner="slow", what="run", ttl=60, beat=never) as lease:
        await ledger.record_step(case, "d1", "delete-1", "started", lease=lease, actor="slow")
        clock.forward(seconds=61)
        await ledger.record_step(case, "d1", "delete-1", "done", lease=lease, actor="slow")
        with pytest.raises(LeaseLost, match="ran out"):
            await ledger.record_step(case, "d1", "register-1", "started", lease=lease, actor="slow")


async def test_a_lease_is_renewed_in_the_background(ledger: Ledger, clock: SetClock) -> None:
    """Three times in its time, so that one failed renewal loses nothing, and without an entry."""
    beats = Beats()
    async with ledger.lease(SITE, owner="service", what="run", ttl=60, beat=beats) as lease:
        await beats._back.acquire()
        head = await ledger.head()
        for _ in range(6):
            clock.forward(seconds=20)
            await beats.once()
            await lease.check()
        assert await ledger.head() == head
    assert set(beats.asked) == {20}


async def test_the_holder_is_freed_by_an_error(ledger: Ledger) -> None:
    """Whatever ends the block gives the site back."""
    with pytest.raises(ZeroDivisionError):
        async with ledger.lease(SITE, owner="service", what="run", beat=never):
            raise ZeroDivisionError
    assert await ledger.holder(SITE) is None


async def test_one_of_many_gets_the_site(ledger: Ledger) -> None:
    """Of runs that start at once, one works and the others are told."""
    entered: list[int] = []
    release = asyncio.Event()

    async def run(number: int) -> None:
        async with ledger.lease(SITE, owner=f"run {number}", what="run", beat=never):
            entered.append(number)
            await release.wait()

    runs = [asyncio.create_task(run(number)) for number in range(8)]
    _, pending = await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
    while len(pending) > 1:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    release.set()
    refused = [got for got in await asyncio.gather(*runs, return_exceptions=True) if got is not None]
    assert len(entered) == 1
    assert [type(got) for got in refused] == [SiteLeased] * 7


HOLD = """
import asyncio, sys
from pathlib import Path
from retrust.ledger import Ledger

async def main():
    ledger = await Ledger.open(sys.argv[1], Path(sys.argv[2]))
    async with ledger.lease("campus", owner="cli:killed", what="run", ttl=300):
        print("held", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_cancelled_run_leaves_no_lease(ledger: Ledger) -> None:
    """Cancelled at any point of taking it, holding it or giving it back: the site is free."""

    async def run() -> None:
        async with ledger.lease(SITE, owner="cancelled", what="run", beat=never):
            await asyncio.sleep(0)

    for turns in range(30):
        task = asyncio.create_task(run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await ledger.holder(SITE) is None


@contextmanager
def holding(url: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the site's lease, and goes on until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, url, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's start time and space")
async def test_a_killed_process_holds_nothing(url: str, tmp_path: Path) -> None:
    """Where its death can be proven, nobody waits for a lease to run out."""
    with holding(url, tmp_path) as holder:
        async with await Ledger.open(url, tmp_path) as ledger:
            with pytest.raises(SiteLeased, match="cli:killed"):
                async with ledger.lease(SITE, owner="next", what="run"):
                    pytest.fail("two runs on one site")
            holder.kill()
            holder.wait()
            async with ledger.lease(SITE, owner="next", what="run") as lease:
                assert lease.predecessor is not None
                assert lease.predecessor.owner == "cli:killed"


async def test_a_process_of_another_machine_is_not_called_dead(ledger: Ledger) -> None:
    """A process id says nothing about another machine's or container's processes."""
    async with ledger.lease(SITE, owner="there", what="run", beat=never):
        async with ledger._database.writing() as connection:
            place = Process(host="there", pid=2**22 + 1, started="1", space="another boot").model_dump()
            await connection.execute(text("UPDATE leases SET place = :place"), {"place": json.dumps(place)})
        with pytest.raises(SiteLeased, match="there, process 4194305"):
            async with ledger.lease(SITE, owner="here", what="run", beat=never):
                pytest.fail("two runs on one site")
