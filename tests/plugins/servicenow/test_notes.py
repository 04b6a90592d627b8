"""What a change request is told of its case, over real HTTP and from a real ledger."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from retrust.approval.decisions import Attendance
from retrust.audit import verify_pack
from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.errors import Refused, RetrustError, TemporaryError
from retrust.inventory import Inventory
from retrust.ledger import Case, Ledger
from retrust.models import Plan
from retrust.runs.passes import one_pass
from retrust.secrets.redaction import Redactor
from retrust.testing.fake_servicenow import FakeServiceNow
from retrust.testing.plans import a_plan, a_question, an_inventory
from retrust_plugins.servicenow.gate import Ticket
from retrust_plugins.servicenow.notes import TicketNotes


@dataclass
class World:
    snow: FakeServiceNow
    engine: Engine
    ledger: Ledger
    notes: TicketNotes
    plan: Plan

    async def approved(self) -> Case:
        """A case whose plan asked through its change request and is approved."""
        case = await self.ledger.open_case("campus", cause="a log line", actor="source:syslog")
        case = await self.ledger.record_plan(case.id, self.plan, actor="service")
        gate = Ticket()
        settings = self.engine.inventory.sites["campus"].policy.gates["delete-pin"][0].settings
        question = a_question(gate, settings, case=case, plan=self.plan, secrets=self.engine.secrets)
        await gate.state(question)
        self.snow.approve()
        assert (await gate.state(question)).state == "open"
        return await self.ledger.move(case.id, "approve", actor="service")

    async def ended(self, case: Case, *events: str) -> None:
        """Moved as a pass moves it; ``fail`` is a pass that ends with an error."""
        for event in events:
            if event == "fail":
                await self.raises(TemporaryError("no answer from the node", where="secondary"))
            else:
                await self.ledger.move(case.id, event, actor="service")

    async def raises(self, error: RetrustError) -> None:
        """A pass over the site that ends with this error."""

        async def failing(name: str, work: Any) -> Any:
            await work()
            raise error

        ended = await one_pass(
            self.engine, self.engine.site("campus"), self.ledger, Attendance("service"), part=failing
        )
        assert ended.error is error

    @property
    def journal(self) -> list[str]:
        (lines,) = self.snow.journal.values()
        return [line.partition(" (")[0] for line in lines]


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    snow = FakeServiceNow()
    monkeypatch.setenv("SNOW_PASSWORD", snow.password)
    async with snow.serving():
        policy: Any = {
            "delete-pin": [
                {"gate": "ticket", "url": snow.url, "username": snow.username, "password": "env:SNOW_PASSWORD"}
            ]
        }
        inventory: Inventory = an_inventory(policy)
        engine = Engine(load_plugins(entry_points=False), inventory, tmp_path, Redactor())
        notes = TicketNotes()
        async with await Ledger.open(None, tmp_path, redact=engine.redactor.redact) as ledger:
            notes.opened(engine, ledger)
            ledger.observers.append(notes.told)
            yield World(snow, engine, ledger, notes, a_plan("delete-pin"))


HEALED = ("execute", "verify", "heal")
NOTES = [
    "Retrust: the case is executing",
    "Retrust: the case is verifying",
    "Retrust: the case is healed",
]


async def test_milestones_and_the_pack(world: World, tmp_path: Path) -> None:
    """A healed case leaves its milestones in order as work notes, and its signed pack as an attachment."""
    case = await world.approved()
    await world.ended(case, *HEALED)
    assert world.journal == NOTES
    (pack,) = world.snow.attachments
    assert (pack.file_name, pack.content_type) == (f"retrust-{case.id}.zip", "application/zip")
    assert zipfile.ZipFile(BytesIO(pack.content)).testzip() is None
    got = tmp_path / "got.zip"
    got.write_bytes(pack.content)
    assert verify_pack(got).ok


async def test_nothing_is_sent_between_steps(world: World) -> None:
    """Until the pass ends nothing is sent, so that a slow instance holds up no step."""
    case = await world.approved()
    sent = len(world.snow.requests)
    await world.ended(case, "execute", "verify")
    assert len(world.snow.requests) == sent


async def test_a_failed_pass_is_told_without_a_pack(world: World) -> None:
    """A failure is told at once; the pack waits for the end, and comes once."""
    case = await world.approved()
    await world.ended(case, "execute", "fail")
    assert world.journal[-1] == "Retrust: the case is failed: secondary: no answer from the node"
    assert world.snow.attachments == []
    await world.ended(case, "execute", "verify", "heal")
    assert len(world.snow.attachments) == 1


async def test_why_it_was_refused(world: World) -> None:
    """A refusal gives its cause, as the run that was refused gives it."""
    case = await world.approved()
    await world.raises(Refused("it looks like an interception", where="primary", hint="find out who answers"))
    assert (await world.ledger.case(case.id)).state == "refused"
    assert world.journal[-1] == "Retrust: the case is refused: primary: it looks like an interception"


async def test_why_it_was_cancelled(world: World) -> None:
    """A person's word is told with the end that it made."""
    case = await world.approved()
    await world.ledger.move(case.id, "cancel", actor="person:ann", note="rejected: not today")
    assert world.journal[-1] == "Retrust: the case is cancelled: rejected: not today"


@pytest.mark.parametrize("trouble", ["429", "500", "hibernating"])
async def test_trouble_loses_nothing(world: World, trouble: Any) -> None:
    """Notes that could not be delivered are delivered, in order, when a later pass ends."""
    case = await world.approved()
    world.snow.always = trouble
    await world.ended(case, "execute", "fail")
    assert world.journal == []
    world.snow.always = None
    await world.ended(case, "execute", "verify", "heal")
    states = [line.split(": ")[1].removeprefix("the case is ") for line in world.journal]
    assert states == ["executing", "failed", "executing", "verifying", "healed"]
    assert len(world.snow.attachments) == 1


async def test_trouble_touches_no_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails there, the ledger's move succeeds."""
    case = await world.approved()
    monkeypatch.setenv("SNOW_PASSWORD", "wrong-password-3")
    await world.ended(case, *HEALED)
    assert (await world.ledger.case(case.id)).state == "healed"
    assert world.journal == []


async def test_a_pack_is_attached_once(world: World) -> None:
    """Where the pack got there and the note did not, the next try attaches no second one."""
    case = await world.approved()
    await world.ended(case, "execute", "verify")
    # The requests are find, note, find, note, find, look for the pack, attach; then the last note fails.
    world.snow.troubles = [None, None, None, None, None, None, None, "500"]
    await world.ended(case, "heal")
    assert (len(world.snow.attachments), len(world.journal)) == (1, 2)
    other = await world.ledger.open_case("campus", cause="another", actor="source:syslog")
    world.plan = a_plan("delete-pin", digest="sha256:" + "3" * 64)
    await world.ledger.record_plan(other.id, world.plan, actor="service")
    await world.ledger.move(other.id, "cancel", actor="person:ann")
    assert (len(world.snow.attachments), world.journal) == (1, NOTES)


async def test_a_site_without_a_ticket_is_left_alone(world: World) -> None:
    """Cases whose policy asks for no change request send nothing."""
    quiet = an_inventory()
    world.notes.opened(Engine(world.engine.plugins, quiet, world.engine.home, Redactor()), world.ledger)
    case = await world.ledger.open_case("campus", cause="a log line", actor="source:syslog")
    await world.ledger.record_plan(case.id, world.plan, actor="service")
    await world.ledger.move(case.id, "cancel", actor="person:ann")
    assert world.snow.requests == []


async def test_unopened_it_does_nothing(world: World) -> None:
    """An observer that was not given an inventory is silent."""
    case = await world.approved()
    world.ledger.observers[:] = [TicketNotes().told]
    sent = len(world.snow.requests)
    await world.ended(case, *HEALED)
    assert len(world.snow.requests) == sent
