"""Two workers, a canceller, gates and crashes in every order, over the real ledger and the real table of states.

A move is one call of the ledger, or one write at the target. What a worker does next is what a pass does; whatever
state is reached is explored once. A worker that hangs is one whose moves are not taken while time passes.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from retrust.errors import RetrustError
from retrust.ledger import Lease, Ledger
from retrust.ledger.leases import LONGEST
from retrust.states import State
from retrust.testing.ledgers import SITE, SetClock, migrated_url, plan

TTL = 30.0
BEGUN = (State.EXECUTING, State.VERIFYING)


@dataclass(frozen=True)
class Worker:
    """``at`` is what it does next; ``sending`` the step that it began and has not sent yet; ``passes`` are left."""

    at: str = "take"
    lease: Lease | None = None
    digest: str = ""
    sending: str = ""
    passes: int = 1


@dataclass(frozen=True)
class World:
    """What is known outside of the ledger, and how often what may happen to it may still happen."""

    workers: tuple[Worker, ...] = (Worker(), Worker())
    effects: tuple[str, ...] = ()
    open: bool = True
    cancelled: bool = False
    turns: int = 0
    lapses: int = 0
    rests: int = 0
    crashes: int = 0


class Model:
    """One ledger that is put back to where a world was reached; ``seen`` counts what was covered."""

    def __init__(self, ledger: Ledger, file: Path, clock: SetClock, case: str) -> None:
        self.ledger, self.clock, self.case = ledger, clock, case
        self.file = sqlite3.connect(file, isolation_level=None)
        self.covered: Counter[str] = Counter()

    def kept(self) -> tuple[sqlite3.Connection, datetime]:
        copy = sqlite3.connect(":memory:")
        self.file.backup(copy)
        return copy, self.clock.now

    def put_back(self, kept: tuple[sqlite3.Connection, datetime]) -> None:
        kept[0].backup(self.file)
        self.clock.now = kept[1]

    # -- what may happen ------------------------------------------------------------------------------

    def moves(self, world: World) -> list[tuple[str, int]]:
        found = [("work", n) for n, w in enumerate(world.workers) if w.at not in ("gone", "over")]
        found += [("crash", n) for n, w in enumerate(world.workers) if world.crashes and w.lease]
        found += [("renew", n) for n, w in enumerate(world.workers) if world.lapses and w.lease and w.at != "gone"]
        found += [("lapse", 0)] if world.lapses and any(w.lease for w in world.workers) else []
        # No send takes longer than that: a hung one has come to its end, or died.
        may_rest = world.rests and not world.lapses and not any(w.sending for w in world.workers)
        found += [("rest", 0)] if may_rest else []
        found += [("turn", 0)] if world.turns else []
        return found + ([] if world.cancelled else [("cancel", 0)])

    async def after(self, world: World, what: str, n: int) -> World:
        match what:
            case "work":
                return await self.work(world, n)
            case "crash":
                return replace(world, crashes=world.crashes - 1, workers=_with(world, n, Worker("gone")))
            case "renew":
                lease = world.workers[n].lease
                assert lease is not None
                for _ in range(2):
                    self.clock.forward(seconds=TTL / 2 + 1)
                    with contextlib.suppress(RetrustError):
                        await lease.renew()
                return replace(world, lapses=world.lapses - 1)
            case "lapse":
                self.clock.forward(seconds=TTL + 1)
                return replace(world, lapses=world.lapses - 1)
            case "rest":
                self.clock.now += LONGEST
                return replace(world, rests=world.rests - 1)
            case "turn":
                return replace(world, turns=world.turns - 1, open=not world.open)
        with contextlib.suppress(RetrustError):
            await self.ledger.move(self.case, "cancel", actor="person:carol")
            return replace(world, cancelled=True)
        return replace(world, cancelled=True, turns=0)  # it had ended

    # -- what a pass does -----------------------------------------------------------------------------

    async def work(self, world: World, n: int) -> World:
        """The worker's next move; whatever the ledger refuses ends its pass."""
        worker = world.workers[n]
        try:
            return await getattr(self, worker.at)(world, n, worker)
        except RetrustError as error:
            self.covered[type(error).__name__] += 1
            return (
                replace(world, workers=_with(world, n, replace(worker, at="leave", sending="")))
                if worker.lease
                else world
            )

    async def take(self, world: World, n: int, worker: Worker) -> World:
        lease = await self.ledger._take_or_leave(SITE, f"worker {n}", "a pass", TTL, None)
        return replace(world, workers=_with(world, n, replace(worker, at="look", lease=lease)))

    async def look(self, world: World, n: int, worker: Worker) -> World:
        case = await self.ledger.open_case_of(SITE)
        if case is None:
            return replace(world, workers=_with(world, n, replace(worker, at="leave")))
        if case.state in BEGUN and case.digest:
            return replace(world, workers=_with(world, n, replace(worker, at="begin", digest=case.digest)))
        digest = f"after {await self.ledger.last_digest(SITE)}"
        await self.ledger.record_plan(case.id, plan(digest), actor="service", lease=worker.lease)
        return replace(world, workers=_with(world, n, replace(worker, at="ask", digest=digest)))

    async def ask(self, world: World, n: int, worker: Worker) -> World:
        await self.ledger.move(self.case, "approve" if world.open else "wait", actor="service")
        return replace(world, workers=_with(world, n, replace(worker, at="use" if world.open else "leave")))

    async def use(self, world: World, n: int, worker: Worker) -> World:
        await self.ledger.use_digest(self.case, worker.digest, lease=worker.lease, actor="service")
        return replace(world, workers=_with(world, n, replace(worker, at="execute")))

    async def execute(self, world: World, n: int, worker: Worker) -> World:
        await self.ledger.move(self.case, "execute", lease=worker.lease, actor="service")
        return replace(world, workers=_with(world, n, replace(worker, at="begin")))

    async def begin(self, world: World, n: int, worker: Worker) -> World:
        """Observe, ask the gate, look at the lease, record the start: what stands right before each send."""
        assert worker.lease is not None
        left = [s.id for s in plan(worker.digest).steps if s.id not in world.effects]
        if not left:
            return replace(world, workers=_with(world, n, replace(worker, at="verify")))
        if not world.open:
            await self.ledger.move(self.case, "wait", actor="service")
            return replace(world, workers=_with(world, n, replace(worker, at="leave")))
        await worker.lease.check()
        await self.ledger.record_step(self.case, worker.digest, left[0], "started", lease=worker.lease, actor="service")
        assert not world.cancelled, "a step begins after the case was cancelled"
        assert not [w for w in world.workers if w.sending], "two workers write to the site at once"
        self.covered["begun"] += 1
        return replace(world, workers=_with(world, n, replace(worker, at="send", sending=left[0])))

    async def send(self, world: World, n: int, worker: Worker) -> World:
        assert worker.sending not in world.effects, "a step is sent a second time though its effect was there"
        return replace(
            world, effects=(*world.effects, worker.sending), workers=_with(world, n, replace(worker, at="end"))
        )

    async def end(self, world: World, n: int, worker: Worker) -> World:
        assert worker.lease is not None
        done = _with(world, n, replace(worker, at="begin", sending=""))
        await self.ledger.record_step(
            self.case, worker.digest, worker.sending, "sent", lease=worker.lease, actor="service"
        )
        await self.ledger.record_step(
            self.case, worker.digest, worker.sending, "done", lease=worker.lease, actor="service"
        )
        return replace(world, workers=done)

    async def verify(self, world: World, n: int, worker: Worker) -> World:
        await self.ledger.move(self.case, "verify", actor="service")
        return replace(world, workers=_with(world, n, replace(worker, at="heal")))

    async def heal(self, world: World, n: int, worker: Worker) -> World:
        await self.ledger.move(self.case, "heal", actor="service")
        assert len(world.effects) == 2, "healed, and a step is missing"
        self.covered["healed"] += 1
        return replace(world, workers=_with(world, n, replace(worker, at="leave")))

    async def leave(self, world: World, n: int, worker: Worker) -> World:
        assert worker.lease is not None
        await self.ledger._release(worker.lease)
        again = Worker("take" if worker.passes > 1 else "over", passes=worker.passes - 1)
        return replace(world, workers=_with(world, n, again))

    # -- where it stands ------------------------------------------------------------------------------

    def key(self, world: World) -> Any:
        """What decides all that may follow; workers are alike, and times count as what they still allow."""
        now = self.clock.now
        held = self.file.execute("SELECT token, expires_at FROM leases").fetchall()
        token, runs = held[0] if held else (0, "")
        left = (datetime.fromisoformat(runs) - now).total_seconds() if runs else 0
        steps = self.file.execute("SELECT step, phase, digest, at FROM steps ORDER BY seq").fetchall()
        last = {row[2::-2]: (row[1], now - datetime.fromisoformat(row[3]) < LONGEST) for row in steps}
        recent = tuple(sorted(last.items()))
        state, digest = self.file.execute("SELECT state, digest FROM cases").fetchone()
        used = self.file.execute("SELECT count(*) FROM digests").fetchone()[0]
        workers = sorted(
            (
                (w.at, w.digest, w.sending, w.passes, bool(w.lease), bool(w.lease and w.lease.token == token))
                for w in world.workers
            ),
            key=repr,
        )
        return (state, digest, used, bool(held), max(left, 0), recent, tuple(workers), replace(world, workers=()))

    async def ends(self, world: World) -> None:
        """From here one more worker, with an open gate and time enough, brings the case to its end."""
        self.clock.now += LONGEST + timedelta(seconds=TTL + 1)
        world = replace(world, workers=(Worker(passes=9),), open=True)
        for _ in range(40):
            if await self.ledger.open_case_of(SITE) is None:
                return
            world = await self.work(world, 0)
        raise AssertionError(f"the case never ends: {world}")


def _with(world: World, n: int, worker: Worker) -> tuple[Worker, ...]:
    return (*world.workers[:n], worker, *world.workers[n + 1 :])


@pytest.fixture
async def model(tmp_path: Path) -> AsyncIterator[Model]:
    clock = SetClock()
    url = migrated_url("sqlite", tmp_path)
    async with await Ledger.open(url, tmp_path, clock=clock) as ledger:
        event.listen(
            ledger._database._engine.sync_engine,
            "connect",
            lambda connection, _: connection.cursor().execute("PRAGMA synchronous = OFF"),
        )
        await ledger._database._engine.dispose()
        case = await ledger.open_case(SITE, cause="a test", actor="service")
        model = Model(ledger, tmp_path / "ledger.db", clock, case.id)
        yield model
        model.file.close()


ORDERS = {
    "gates": World((Worker(passes=2), Worker()), turns=1),
    "time": World(lapses=1, rests=1),
    "crash": World(crashes=1, lapses=1),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", ORDERS.values(), ids=ORDERS)
async def test_every_order(model: Model, first: World) -> None:
    """Never two at once, never after a cancel, never through a shut gate; and the case always ends."""
    seen: set[Any] = set()
    ended: set[Any] = set()
    stack = [(first, model.kept())]
    while stack:
        world, kept = stack.pop()
        for what, n in model.moves(world):
            model.put_back(kept)
            following = await model.after(world, what, n)
            key = model.key(following)
            if key in seen:
                continue
            seen.add(key)
            stack.append((following, model.kept()))
            bare = (*key[:3], key[5], following.effects)
            if bare not in ended:
                ended.add(bare)
                await model.ends(following)
    met = {"begun", "healed", "SiteLeased", "Stopped"} | ({"LeaseLost", "StillSending"} if first.lapses else set())
    assert met <= model.covered.keys()
