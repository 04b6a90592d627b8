"""Any history of a site: what comes in, who decides, what crashes, in any order; and what must hold in all of them.

The oracle below knows the rules a second time, from the decisions and the world alone; it shares nothing with
``retrust.approval``. 200 histories here, 1,000 in ``make test-all``.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from kit.counts import many
from kit.model import HUB, PEERS, World, certificate, plugin
from retrust.actors import UNKNOWN
from retrust.approval import decisions as deciding
from retrust.approval.decisions import Attendance, Speaker, approve, cancel, dismiss, reject
from retrust.audit import verify_chain
from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.errors import RetrustError
from retrust.ledger import Ledger
from retrust.models import Decision, Grade, Sighting, Step
from retrust.runs import parts, passes, steps
from retrust.testing.ledgers import migrated_url
from retrust.trust import observation

PARTS = 4
"""So that they run beside each other."""
HISTORIES = many(1000)
PEOPLE = {"ann": ["network"], "ben": ["network"], "cy": ["security"]}
EVERYBODY = st.sampled_from([*(f"person:{name}" for name in PEOPLE), "person:eve", "person:ANN ", UNKNOWN])
SITE = "campus"
VALID = timedelta(hours=72)
SKEW = timedelta(minutes=5)
MEMORY = Path("/dev/shm")
WHO = [*[("ann", "cy")] * 4, ("ben", "ann", "cy"), ("ann",), ("eve",), ("eve", "cy"), ()]
MEDDLE = [*[None] * 8, "end", "renew", "intercept", "time", "freeze", "people", "accept", "hint"]
STRIKES = [None, None, None, "before", "after", "cancel", "meet"]
T = TypeVar("T")


class Crash(Exception):
    """The process dies here."""


class Clock:
    """``datetime`` for the modules that ask it what time it is."""

    ahead = timedelta()

    @classmethod
    def now(cls, zone: Any = None) -> datetime:
        return datetime.now(zone) + cls.ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(datetime, name)


class AnyHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="history-", dir=MEMORY if MEMORY.is_dir() else None)
        self.world = World(on_write=self.judge, before_write=self.strike_before, after_write=self.strike_after)
        self.plugins = load_plugins(extra={"the-model": plugin(self.world)})
        self.patched = pytest.MonkeyPatch()
        self.clock = Clock()
        Clock.ahead = timedelta()
        for module in (deciding, observation, parts, steps):
            self.patched.setattr(module, "datetime", self.clock)
        self.patched.setenv("RETRUST_HOME", self.folder.name)
        self.file = Path(self.folder.name) / "retrust.yaml"
        self.inventory: dict[str, Any] = {
            "people": dict(PEOPLE),
            "approvers": 1,
            "frozen": False,
            "accept": False,
            "standard": False,
            "tunnels": "auto",
        }
        self.acknowledged = 0
        self.cancelled: set[str] = set()
        self.digests: list[str] = []
        self.strike: str | None = None
        migrated_url("sqlite", Path(self.folder.name))
        self.ledger: Ledger = self.run(Ledger.open(None, Path(self.folder.name), clock=lambda: Clock.now(UTC)))
        self.reload()

    def run(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return self.loop.run(waited())

    def reload(self) -> None:
        said = self.inventory
        gates: list[dict[str, Any]] = (
            [{"gate": "standard"}]
            if said["standard"]
            else [{"gate": "people", "approvers": said["approvers"], "roles": ["network"]}]
        )
        if said["frozen"]:
            gates.append(
                {
                    "gate": "window",
                    "timezone": "UTC",
                    "calendar": [{"start": "2020-01-01 00:00", "duration": "1h", "rrule": "FREQ=YEARLY;COUNT=1"}],
                }
            )
        self.file.write_text(
            json.dumps(
                {
                    "people": said["people"],
                    "sites": {
                        SITE: {
                            "target": "model",
                            "trust": {"tunnels": said["tunnels"], "watch": "1ms"},
                            "policy": {"accept_blind_first_use": said["accept"], "delete-pin": gates},
                        }
                    },
                }
            )
        )
        self.engine = Engine.start(self.file, self.plugins)

    # -- what the world does --------------------------------------------------------------------------

    @rule(peer=st.sampled_from(PEERS))
    def renew(self, peer: str) -> None:
        self.world.peers[peer].renewals += 1

    @rule(peer=st.sampled_from(PEERS), here=st.booleans(), there=st.booleans())
    def intercept(self, peer: str, here: bool, there: bool) -> None:
        stranger = f"{peer}-stranger"
        self.world.peers[peer].here = stranger if here else None
        self.world.peers[peer].there = stranger if there else None

    @rule(hours=st.sampled_from([1, 24, 80, -30]))
    def time_passes(self, hours: int) -> None:
        Clock.ahead += timedelta(hours=hours)

    # -- what comes in --------------------------------------------------------------------------------

    @rule(
        peer=st.sampled_from(PEERS),
        level=st.sampled_from(["authenticated", "hint"]),
        by=EVERYBODY | st.just("service"),
        named=st.booleans(),
        count=st.integers(1, 3),
    )
    def line(self, peer: str, level: str, by: str, named: bool, count: int) -> None:
        """A log line that names the edge, or a subject."""
        self.sight(
            kind="log",
            level=level,
            actor=by,
            count=count,
            holder=HUB,
            **({"key": f"{peer}_1"} if named else {"dn": f"CN={peer}"}),
        )

    @rule(peer=st.sampled_from(PEERS), by=EVERYBODY, truly=st.booleans())
    def attest(self, peer: str, by: str, truly: bool) -> None:
        seen = self.world.peers[peer].genuine if truly else f"{peer}-stranger"
        self.sight(kind="person", actor=by, holder=HUB, key=f"{peer}_1", fingerprint=certificate(seen).fingerprint)

    @rule(peer=st.sampled_from(PEERS), by=EVERYBODY)
    def include(self, peer: str, by: str) -> None:
        self.sight(kind="person", actor=by, holder=HUB, key=f"{peer}_1")

    def sight(self, **said: Any) -> None:
        now = Clock.now(UTC)
        known = {"id": "x", "site": SITE, "at": now, "received_at": now, "source": "a test", "level": "authenticated"}
        seen = Sighting.model_validate(known | said)
        self.run(self.ledger.sight(seen))
        self.acknowledged += seen.count

    @rule(by=EVERYBODY, data=st.data())
    def say_it_was_wrong(self, by: str, data: st.DataObject) -> None:
        if known := self.run(self.ledger.sightings(SITE)):
            seen = data.draw(st.sampled_from(sorted(known, key=lambda s: s.id)))
            case = self.run(dismiss(self.ledger, seen.id, Speaker(by), reason="wrong"))
            self.cancelled |= {case.id} if case else set()

    # -- who decides ----------------------------------------------------------------------------------

    @rule(
        by=EVERYBODY, gate=st.sampled_from([None, "people", "security"]), yes=st.sampled_from([True, True, True, False])
    )
    def decide(self, by: str, gate: str | None, yes: bool) -> None:
        if case := self.run(self.ledger.open_case_of(SITE)):
            verb = approve if yes else reject
            if self.tried(verb(self.engine, self.ledger, case.id, Speaker(by), reason="x", gate=gate)) and not yes:
                self.cancelled.add(case.id)

    @rule()
    def agree(self) -> None:
        """Everybody says yes wherever they may."""
        for name in (*PEOPLE, "eve"):
            self.say_yes(name)

    @initialize(
        peer=st.sampled_from(PEERS),
        who=st.sampled_from(WHO),
        strike=st.sampled_from(STRIKES),
        by=EVERYBODY,
        meddle=st.sampled_from(MEDDLE),
    )
    def begin(self, peer: str, who: tuple[str, ...], strike: str | None, by: str, meddle: str | None) -> None:
        self.as_documented(peer, who, strike, by, meddle)

    @rule(
        peer=st.sampled_from(PEERS),
        who=st.sampled_from(WHO),
        strike=st.sampled_from(STRIKES),
        by=EVERYBODY,
        meddle=st.sampled_from(MEDDLE),
    )
    def as_documented(self, peer: str, who: tuple[str, ...], strike: str | None, by: str, meddle: str | None) -> None:
        """A healthy look, a renewal, a plan, some yeses, something in between, and the pass that carries it out."""
        self.work("service", None)
        self.renew(peer)
        if meddle == "hint":
            self.line(peer, "hint", by, named=True, count=1)
        self.work("service", None)
        for name in who:
            self.forge_here(name) if name == "eve" else self.say_yes(name)
        match meddle:
            case "end":
                self.end(by)
            case "renew":
                self.renew(peer)
            case "intercept":
                self.intercept(peer, here=False, there=True)
            case "time":
                self.time_passes(80)
            case "freeze" | "accept" | "people":
                changes = {
                    "freeze": {"frozen": True},
                    "accept": {"accept": not self.inventory["accept"]},
                    "people": {"people": {"ben": ["network"], "cy": ["security"]}},
                }
                self.change_the_inventory(changes[meddle])
        self.work("service", strike)

    def say_yes(self, name: str) -> None:
        if case := self.run(self.ledger.open_case_of(SITE)):
            self.tried(approve(self.engine, self.ledger, case.id, Speaker(f"person:{name}"), reason="x"))

    def forge_here(self, name: str) -> None:
        """A yes at each gate that came into the ledger past the rules."""
        case = self.run(self.ledger.open_case_of(SITE))
        for gate in ("people", "security", "window"):
            if case and case.digest:
                self.tried(
                    self.ledger.decide(
                        Decision(
                            case=case.id,
                            digest=case.digest,
                            gate=gate,
                            yes=True,
                            actor=f"person:{name}",
                            roles=("network", "security"),
                            reason="x",
                            at=Clock.now(UTC),
                        )
                    )
                )

    @rule(by=EVERYBODY, gate=st.sampled_from(["people", "security", "window", "standard"]), data=st.data())
    def forge(self, by: str, gate: str, data: st.DataObject) -> None:
        """A yes that came into the ledger past the rules, also to an older plan."""
        case = self.run(self.ledger.open_case_of(SITE))
        if case and self.digests:
            digest = data.draw(st.sampled_from(self.digests))
            self.tried(
                self.ledger.decide(
                    Decision(
                        case=case.id,
                        digest=digest,
                        gate=gate,
                        yes=True,
                        actor=by,
                        roles=("network", "security"),
                        reason="x",
                        at=Clock.now(UTC),
                    )
                )
            )

    @rule(by=EVERYBODY)
    def end(self, by: str) -> None:
        if case := self.run(self.ledger.open_case_of(SITE)):
            self.run(cancel(self.ledger, case.id, Speaker(by), reason="stop"))
            self.cancelled.add(case.id)

    @rule(
        change=st.sampled_from(
            [
                {"frozen": True},
                {"frozen": False},
                {"approvers": 2},
                {"approvers": 1},
                {"accept": True},
                {"accept": False},
                {"standard": True},
                {"standard": False},
                {"tunnels": "never"},
                {"tunnels": "auto"},
                {"people": PEOPLE},
                {"people": {"ben": ["network"], "cy": ["security"]}},
                {"people": {"ann": ["network", "security"], "ben": ["guest"]}},
            ]
        )
    )
    def change_the_inventory(self, change: dict[str, Any]) -> None:
        self.inventory |= change
        self.reload()

    # -- a pass ---------------------------------------------------------------------------------------

    @rule(by=EVERYBODY | st.just("service"), strike=st.sampled_from(STRIKES))
    def work(self, by: str, strike: str | None) -> None:
        """One pass; at its first write the process dies before or after it, somebody cancels, a stranger comes."""
        self.strike = strike
        try:
            ended = self.run(passes.one_pass(self.engine, self.engine.site(SITE), self.ledger, Attendance(by)))
        except Crash:
            return
        finally:
            self.strike = None
        if ended.plan is not None and ended.plan.digest not in self.digests:
            self.digests.append(ended.plan.digest)
        for finding in ended.snapshot.findings if ended.snapshot else ():
            peer = self.world.peers[finding.pin.key.removesuffix("_1")]
            assert finding.evidence.grade is not Grade.PROVEN or strike == "meet" or not peer.is_intercepted, (
                f"{finding.pin.edge} is proven, though our looks can see a stranger"
            )
        if ended.outcome == "healed" and strike != "meet":
            pinned = {p.name: p.pinned for p in self.world.peers.values()}
            for step in ended.plan.steps:
                name = step.argument.removesuffix("_1")
                assert pinned[name] is None or certificate(pinned[name]).fingerprint in step.expected.values()

    async def strike_before(self, step: Step) -> None:
        strike, self.strike = self.strike, None if self.strike != "after" else "after"
        if strike == "before":
            raise Crash
        if strike == "cancel":
            case = await self.ledger.open_case_of(SITE)
            assert case is not None
            await cancel(self.ledger, case.id, Speaker("person:eve"), reason="stop")
            self.cancelled.add(case.id)
        if strike == "meet":
            self.world.peers[step.argument.removesuffix("_1")].there = "alpha-stranger"

    async def strike_after(self, step: Step) -> None:
        strike, self.strike = self.strike, None
        if strike == "after":
            raise Crash

    # -- what must hold -------------------------------------------------------------------------------

    async def judge(self, step: Step) -> None:
        """The oracle, asked at each write."""
        WRITES.append(step.id)
        case = await self.ledger.open_case_of(SITE)
        assert case is not None, "a write without an open case"
        assert case.id not in self.cancelled, "a write after cancel"
        plan = await self.ledger.plan(case.digest or "", case=case.id)
        assert plan is not None
        assert step in plan.steps, "what is sent is not what was approved"
        assert plan.grade is not Grade.CONTRADICTED
        assert not self.inventory["frozen"], "a write outside its window"
        decisions = await self.ledger.decisions(case.id, plan.digest)
        assert not any(not d.yes for d in decisions), "a write after a no"
        hands = {case.requested_by, *case.planners[:1]} | {s.actor for s in await self.ledger.sightings_of(case.id)}
        involved = {self.person(hand) for hand in hands}
        yes = {self.person(d.actor) for d in decisions if d.at - SKEW <= Clock.now(UTC) < d.at + VALID} - involved
        allowed: dict[str, list[str]] = self.inventory["people"]
        counted = {name for name in yes if name in allowed}
        hints = any(f.rests_on for f in plan.unpinned)
        exempt = self.inventory["standard"] and self.inventory["accept"] and plan.grade is Grade.PROVEN and not hints
        networkers = {n for n in counted if "network" in allowed[n]}
        security = {n for n in counted if "security" in allowed[n]}
        if not exempt:
            least = 1 if self.inventory["standard"] else self.inventory["approvers"]
            assert len(counted if self.inventory["standard"] else networkers) >= least, "too few said yes"
        if plan.grade is not Grade.PROVEN or not self.inventory["accept"]:
            assert security, "security was not asked"
            assert len(counted) >= 2, "one person opened two gates"
        if plan.rests_on_hints or (UNKNOWN in hands and not exempt):
            assert len(counted) >= 2, "one person approved what they may have caused"

    @staticmethod
    def person(actor: str) -> str:
        return actor.strip().casefold().removeprefix("person:").strip()

    def tried(self, work: Awaitable[Any]) -> bool:
        """Whether it was allowed."""
        try:
            self.run(work)
        except RetrustError:
            return False
        return True

    @invariant()
    def every_acknowledged_event_counts_once(self) -> None:
        (row,) = self.run(self.ledger._rows(text("SELECT coalesce(sum(count), 0) AS n FROM sightings")))
        assert row["n"] == self.acknowledged

    def teardown(self) -> None:
        try:
            found = self.run(verify_chain(self.ledger))
            assert found.ok, found
        finally:
            self.run(self.ledger.close())
            self.loop.close()
            self.patched.undo()
            self.folder.cleanup()


WRITES: list[str] = []


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_history(part: int) -> None:
    """Never an unapproved write, never one after cancel, never proof with a stranger in sight; nothing lost."""
    WRITES.clear()
    run_state_machine_as_test(
        seed(part)(type(f"AnyHistory{part}", (AnyHistory,), {})),
        settings=settings(
            max_examples=HISTORIES // PARTS,
            stateful_step_count=5,
        ),
    )
    assert len(WRITES) >= HISTORIES / PARTS / 8, "hardly anything was written: these histories show little"
