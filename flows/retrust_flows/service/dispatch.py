"""The dispatcher: from the ledger to passes. It decides nothing but what is due, and starts that.

It reads every entry, keeps a ``Standing`` of each site, and asks it what is due: after each entry, when a
time comes, and once a sweep for whatever was missed. A case that waits costs one small object here; no
process, no connection and no run is held for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from retrust.approval import expires_at
from retrust.approval.decisions import gate_states, matter_of
from retrust.engine.engine import Engine
from retrust.errors import RetrustError
from retrust.inventory import Site
from retrust.ledger import Case, Entry, Ledger, Sighted
from retrust.models import GateState
from retrust.states import OPEN_STATES, State
from retrust_flows.service.launching import Launcher, Order
from retrust_flows.service.standing import GATES_AGAIN, SERVICE, Due, Standing
from retrust_flows.service.tail import Tail

log = logging.getLogger("retrust.service")

Clock = Callable[[], datetime]
LEASES_AGAIN = timedelta(seconds=5)
"""How often it is looked whether whoever holds a site is still there."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=1)
HANDED_OVER = timedelta(minutes=2)
"""How long a run on the work pool may take to begin before another one is asked for."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Pause:
    """Why a site is left alone: until a time, or, for a run that was handed over, until a pass begins."""

    until: datetime
    length: timedelta = FIRST_PAUSE
    handed_over: bool = False
    begun_at: datetime | None = None

    def holds(self, standing: Standing, now: datetime) -> bool:
        """A clock that was set back ends it: no pause is longer than the longest."""
        if self.handed_over and standing.begun_at != self.begun_at:
            return False
        return now < self.until <= now + max(LONGEST_PAUSE, HANDED_OVER)


@dataclass
class Dispatcher:
    """``run`` until cancelled; ``step`` does one round, for tests and for the sweep's flow."""

    engine: Engine
    ledger: Ledger
    launcher: Launcher
    tail: Tail
    clock: Clock = _now
    standings: dict[str, Standing] = field(default_factory=dict)
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _pauses: dict[str, _Pause] = field(default_factory=dict)
    _looked: dict[str, datetime] = field(default_factory=dict)
    _in_maintenance: set[str] = field(default_factory=set)

    # -- knowing ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read how every site stands; from here on the tail tells what changes."""
        await self.tail.start()
        self.tail.listeners.append(self.take)
        for case in await self._open_cases():
            await self._recall(case)
        for sighting in await self.ledger.sightings():
            if sighting.site in self.engine.inventory.sites and sighting.case is None:
                await self._recall_loose(sighting)

    async def _open_cases(self) -> list[Case]:
        found: list[Case] = []
        while page := await self.ledger.cases(states=OPEN_STATES, before=found[-1].id if found else None):
            found += page
        return found

    async def _recall(self, case: Case) -> None:
        """The case's entries, and those of its lease, which name the site alone, in order."""
        standing, after = self._of(case.site), case.first_entry - 1
        while page := await self.ledger.entries(after=after, site=case.site):
            for entry in page:
                if entry.seq <= self.tail.seq:
                    standing.take(entry)
            after = page[-1].seq
        if standing.state is State.WAITING:
            standing.until = self.clock()  # its gates are asked once: a decision may have come meanwhile

    async def _recall_loose(self, sighting: Sighted) -> None:
        """A sighting that no case has taken up, unless it is older than the site's last heal."""
        assert sighting.site is not None
        healed = await self.ledger.cases(site=sighting.site, states=[State.HEALED], limit=1)
        if not healed or (sighting.at or sighting.received_at) > healed[0].updated_at:
            self._of(sighting.site).news = f"{sighting.kind}: {sighting.source}"

    def take(self, entry: Entry) -> None:
        if entry.site is not None and entry.site in self.engine.inventory.sites:
            self._of(entry.site).take(entry)

    def _of(self, site: str) -> Standing:
        return self.standings.setdefault(site, Standing(site))

    # -- acting -----------------------------------------------------------------------------------

    async def run(self) -> None:
        while True:
            await self.step()
            await self.tail.wait()

    async def step(self) -> None:
        """Read what is new, then start or do whatever is due now."""
        over = [(site, task) for site, task in self._running.items() if task.done()]
        if not await self.tail.catch_up():
            return
        for site, task in over:  # only now: what the pass wrote has been read
            if self._running.get(site) is task:  # nobody else was here meanwhile
                del self._running[site]
        for site in list(self.standings):
            try:
                await self._consider(self.standings[site])
            except (RetrustError, OSError) as exc:
                log.warning("%s is looked at again later: %s", site, exc, extra={"site": site})
                self._pause(site)

    async def _consider(self, standing: Standing) -> None:
        now, pause = self.clock(), self._pauses.get(standing.site)
        if standing.site in self._running or (pause is not None and pause.holds(standing, now)):
            return
        if standing.holding is not None:
            await self._look_after(standing, now)
        due = standing.due(now)
        if due is not None and not self._is_kept_only(standing, due):
            await self._do(standing, due)

    async def _look_after(self, standing: Standing, now: datetime) -> None:
        """A pass that runs elsewhere gives its lease back; one that died does not."""
        looked = self._looked.get(standing.site)
        if looked is not None and timedelta() <= now - looked < LEASES_AGAIN:
            return
        self._looked[standing.site] = now
        if await self.ledger.is_free(standing.site):
            standing.abandoned()

    def _is_kept_only(self, standing: Standing, due: Due) -> bool:
        """In maintenance everything is kept, and told once; nothing is started."""
        if not self.engine.site(standing.site).maintenance:
            return False
        if standing.site not in self._in_maintenance:
            self._in_maintenance.add(standing.site)
            log.warning(
                "%s is in maintenance: kept, and nothing started: %s",
                standing.site,
                due.why,
                extra={"site": standing.site},
            )
        return True

    async def _do(self, standing: Standing, due: Due) -> None:
        if due.action == "gates":
            await self._ask_gates(standing)
            return
        if due.action == "open":
            await self.ledger.open_case(standing.site, cause=due.why, actor=due.by)
            await self.tail.catch_up()
        self._launch(standing, due)

    # -- gates ------------------------------------------------------------------------------------

    async def _ask_gates(self, standing: Standing) -> None:
        """Whether a waiting case may go on; asked without touching the site. An expiry ends the case."""
        assert standing.case is not None
        standing.decided, now = False, self.clock()
        case = await self.ledger.case(standing.case)
        plan = await self.ledger.plan(case.digest, case=case.id) if case.digest else None
        site = self.engine.site(standing.site)
        if plan is None or not standing.gated:
            ends: datetime | None = case.updated_at + site.clocks.decision
            states: tuple[GateState, ...] = ()
        else:
            matter = await matter_of(self.engine, self.ledger, site, case, plan)
            ends = expires_at(matter)
            states = await gate_states(self.engine, matter)
        if ends is not None and ends <= now:
            await self._expire(case, states)
        elif states and all(g.state == "open" for g in states):
            self._launch(standing, Due("pass", "every gate is open"))
        else:
            times = [g.until for g in states if g.state == "shut" and g.until is not None and g.until > now]
            if ends is not None:
                times += [ends, *await self._remind(case, site, ends, states, now)]
            standing.until = min([*times, now + GATES_AGAIN])

    async def _remind(
        self, case: Case, site: Site, ends: datetime, states: Sequence[GateState], now: datetime
    ) -> list[datetime]:
        """People are reminded once before a case ends; where that is later, when it will be."""
        at = ends - site.clocks.reminder
        shut = [g.gate for g in states if g.state == "shut"]
        if not shut or at >= ends or at <= case.updated_at:  # whoever has just been asked needs no reminder
            return []
        if at > now:
            return [at]
        await self.ledger.remind(case.id, ends, shut, actor=SERVICE)
        return []

    async def _expire(self, case: Case, states: Sequence[GateState]) -> None:
        lapsed = ", ".join(g.gate for g in states if g.state != "open")
        why = f"not decided in time: {lapsed}" if lapsed else "nobody supplied what it waited for in time"
        await self.ledger.move(case.id, "expire", actor=SERVICE, note=why)
        log.warning("case %s of %s expired: %s", case.id, case.site, why, extra={"site": case.site, "case": case.id})

    # -- launching --------------------------------------------------------------------------------

    def _launch(self, standing: Standing, due: Due) -> None:
        site = standing.site
        log.info("a pass over %s starts: %s", site, due.why, extra={"site": site, "case": standing.case})
        order = Order(site, standing.case, f"{standing.case or site}:{standing.seq}", due.why)
        self._running[site] = task = asyncio.create_task(self._launched(order, due), name=f"pass over {site}")
        task.add_done_callback(lambda _: self.tail.wake.set())

    async def _launched(self, order: Order, due: Due) -> None:
        begun_at = self.standings[order.site].begun_at
        try:
            await self.launcher.launch(order)
        except RetrustError as exc:
            log.warning("a pass over %s did not start: %s", order.site, exc, extra={"site": order.site})
            self._pause(order.site)
        except Exception:
            log.exception("a pass over %s could not be run, trying again", order.site, extra={"site": order.site})
            self._pause(order.site)
        else:
            if self.launcher.hands_over:
                self._pauses[order.site] = _Pause(self.clock() + HANDED_OVER, handed_over=True, begun_at=begun_at)
            elif due.again:
                self._pause(order.site)
            else:
                self._pauses.pop(order.site, None)

    def _pause(self, site: str) -> None:
        before = self._pauses.get(site)
        length = min(before.length * 2, LONGEST_PAUSE) if before and not before.handed_over else FIRST_PAUSE
        self._pauses[site] = _Pause(self.clock() + length, length)

    async def finish(self) -> int:
        """Wait until all that one round started is over or handed over; how many that was."""
        running = list(self._running.values())
        await asyncio.gather(*running)
        self.tail.stop()
        return len(running)

    async def close(self, grace: float) -> None:
        """Let passes that run end within ``grace`` seconds; what is cut short then, a later pass takes up."""
        running = list(self._running.values())
        if running:
            await asyncio.wait(running, timeout=grace)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self.tail.stop()
