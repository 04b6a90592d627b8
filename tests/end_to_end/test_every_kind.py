"""Every kind of entry through the writer and every view: what each shows of it, and what it leaves out.

A kind that is added to the table of kinds and not to this one fails here.
"""

from __future__ import annotations

import html
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kit.console import World, worlds
from kit.scenes import a_renewal
from retrust.audit import export_case, verify_chain, verify_pack
from retrust.audit.archive import unpacked
from retrust.cli.cases import _lines
from retrust.ledger import Entry, LeaseOwner
from retrust.ledger import entries as e
from retrust.ledger.process import Process
from retrust.ledger.replay import first_difference, rebuild
from retrust.ledger.sightings import aggregated
from retrust.models import GateState
from retrust.present.case import story_object
from retrust.states import Event, State
from retrust.testing.ledgers import NOON, SITE, baseline, decision, fingerprint, sighting
from retrust_flows.service.emitting import event_of
from retrust_plugins.console.live import event
from retrust_plugins.notify.messages import message, occasion_of


@dataclass(frozen=True)
class Told:
    """How a body is told: everywhere in one line, in which files of a pack, to Prefect, to people, to a ticket."""

    body: e.Body
    line: str
    pack: tuple[str, ...] = ()
    event: str | None = None
    notification: tuple[str, ...] | None = None
    note: str | None = None


CASE, PLAN, AGO = "c2", a_renewal(), datetime(2026, 1, 2, tzinfo=UTC)
DIGEST = PLAN.digest
ROWS = tuple(aggregated([sighting(1, count=41), sighting(2), sighting(3, dn="CN=other")]))
CHANGE = {"node": "secondary", "kind": "host key", "expected": ("SHA256:was",), "presented": "SHA256:is"}
SHUT = (GateState(gate="people", state="shut", needs="one yes"), GateState(gate="window", state="open"))
HOLDER = LeaseOwner(owner="w1", place="h, process 1", run=None, what="a run", since=AGO, expires_at=AGO, token=1)
STEP = "delete-pin 10.0.0.12_8082 on primary"

EXPECTED = {
    "key-joined": Told(e.KeyJoined(key_id="SHA256:k", public_key="00"), "key joined"),
    "case-opened": Told(e.CaseOpened(cause="log: hm-0-0.log"), "opened: log: hm-0-0.log", event="opened"),
    "sighted": Told(e.SightingsKept(sightings=ROWS, events=("delivery-1",)), "43 sightings", ("sightings.json",)),
    "sighting-assigned": Told(
        e.SightingAssigned(aggregates=("loose",), sightings=ROWS[1:]), "1 sighting assigned to this site"
    ),
    "sighting-dismissed": Told(
        e.SightingDismissed(aggregate="loose", cases=(CASE,), said="1× CN=other of a log", reason="a test"),
        "dismissed 1× CN=other of a log: a test",
        ("dismissals.json",),
    ),
    "snapshot": Told(
        e.SnapshotTaken(when="before", snapshot=PLAN.snapshot),
        "snapshot before: 6 pins",
        (
            "snapshots/{seq}-before/evidence.json",
            "snapshots/{seq}-before/fingerprints.json",
            "snapshots/{seq}-before/listing-primary.txt",
            "snapshots/{seq}-before/listing-secondary.txt",
            "snapshots/{seq}-before/relations.json",
        ),
    ),
    "looked": Told(e.Looked(snapshot=PLAN.snapshot), "checked: 6 pins"),
    "planned": Told(
        e.Planned(digest=DIGEST, planners=("service",), was=State.OPEN, state=State.PLANNED, plan=PLAN),
        f"plan {DIGEST}: 2 steps",
        ("plans/{seq}.json",),
        event="planned",
    ),
    "decided": Told(
        e.Decided.model_validate(decision(CASE, DIGEST, signature="sig").model_dump()),
        "yes at the gate people: renewed this morning",
        ("decisions/{seq}.json", "decisions/{seq}.sig", "decisions/{seq}.signed"),
    ),
    "digest-used": Told(e.DigestSpent(digest=DIGEST), f"the plan {DIGEST} is carried out"),
    "step": Told(
        e.StepRecorded(
            digest=DIGEST,
            step="delete-1",
            kind="delete-pin",
            holder="primary",
            phase="done",
            argument="10.0.0.12_8082",
            detail="no longer listed",
            token=3,
        ),
        f"{STEP} done: no longer listed",
        ("steps.json",),
    ),
    "progress": Told(
        e.Progressed(digest=DIGEST, step="register-ha", what="Copying the database", percent=40),
        "Copying the database 40 %",
    ),
    "baselines": Told(e.BaselinesSet(baselines=(baseline(),)), "1 certificates verified", ("baselines.json",)),
    "alarm": Told(
        e.AlarmRaised(what="refused", detail="a stranger answers"),
        "ALARM refused: a stranger answers",
        ("alarms.json",),
        "alarm",
        ("refused: a stranger answers",),
    ),
    "lease-taken": Told(
        e.LeaseTaken(what="a run", ttl=30, place=Process(host="h", pid=1), took_over=HOLDER), "lease taken"
    ),
    "lease-released": Told(e.LeaseReleased(token=1), "lease released"),
    "identity-changed": Told(
        e.IdentityChanged.model_validate(CHANGE),
        "the host key of secondary changed to SHA256:is",
        ("changed-identities.json",),
    ),
    "identity-agreed": Told(
        e.IdentityAgreed.model_validate(CHANGE | {"reason": "installed again"}),
        "the host key of secondary is accepted: installed again",
    ),
    "identity-accepted": Told(
        e.IdentityAccepted(node="secondary", kind="host key", fingerprint=fingerprint("x"), reason="installed again"),
        "the host key of secondary is accepted: installed again",
        ("identities.json",),
    ),
    "attachment": Told(
        e.Attached(name="shots/ha.png", path="ha.png", sha256=fingerprint("shot")[7:]),
        "attached shots/ha.png",
        ("attachments/shots/ha.png",),
    ),
    "token-created": Told(
        e.TokenCreated(
            id="ab12",
            person="ann",
            hash="00",
            expires_at=NOON,
            read_only=True,
            note="",
            made="by root, with the role admin",
        ),
        "token created: ab12 of ann",
        notification=(
            "a token was made for ann by root, with the role admin; whoever holds it reads as ann",
            "if you did not expect it: retrust token revoke ab12",
        ),
    ),
    "token-revoked": Told(e.TokenRevoked(id="ab12", person="ann"), "token revoked: ab12 of ann"),
    "signed-in": Told(e.SignedIn(session="00", by="oidc"), "signed in by oidc"),
    "signed-out": Told(e.SignedOut(session="00"), "signed out"),
    "look-asked": Told(
        e.LookAsked(why="a renewal was announced", source="webhook[0]"),
        "a look is asked for: a renewal was announced (webhook[0])",
    ),
    "reminded": Told(
        e.Reminded(ends=AGO, gates=("people",)),
        "reminded: still shut: people; without a decision the case ends at 2026-01-02 00:00 UTC",
        event="reminded",
        notification=("still shut: people; without a decision the case ends at 2026-01-02 00:00 UTC",),
    ),
    "notice": Told(
        e.Noticed(what="expires soon", detail="10.0.0.12:8082 in 3 days"), "expires soon: 10.0.0.12:8082 in 3 days"
    ),
    "case-moved": Told(
        e.CaseMoved(
            event=Event.FAIL,
            was=State.WAITING,
            state=State.FAILED,
            note="",
            gates=SHUT,
            why="no answer from the node",
            retry=False,
        ),
        "waiting → failed: no answer from the node",
        ("states.json",),
        "failed",
        ("no answer from the node", "gate people: needs one yes"),
        "the case is failed: no answer from the node",
    ),
}


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A console over a ledger with one case, that has an entry of every kind."""
    async with worlds(tmp_path, monkeypatch) as make:
        made = await make()
        (made.ledger.home / "ha.png").write_bytes(b"shot")
        async with made.ledger.write() as writing:
            for told in EXPECTED.values():
                await writing.append(told.body, actor="service", run="run-1", case=CASE, site=SITE)
        yield made


@pytest.fixture
async def written(world: World) -> dict[str, Entry]:
    """By kind, as they are read again; the ledger's own key joined before them."""
    entries = await world.ledger.entries(case=CASE)
    assert [entry.kind for entry in entries] == list(EXPECTED)
    return {entry.kind: entry for entry in entries}


def test_no_kind_is_forgotten() -> None:
    """The table of kinds and the one of this test have the same rows, for the same models."""
    assert {kind: row.model for kind, row in e.KINDS.items()} == {k: type(t.body) for k, t in EXPECTED.items()}


def test_each_is_read_as_it_was_written(written: dict[str, Entry]) -> None:
    """The model that comes out of the store equals the one that went in."""
    assert {kind: entry.body for kind, entry in written.items()} == {k: t.body for k, t in EXPECTED.items()}


async def test_the_chain_and_the_tables(world: World) -> None:
    """The derived tables are what the entries say, also anew; the one fault of the chain is the made-up key."""
    for _ in range(2):
        async with world.ledger.still() as connection:
            assert await first_difference(connection) is None
        assert str(await verify_chain(world.ledger)) == "entry 2: it does not say which key joined"
        await rebuild(world.ledger)


async def test_show(world: World) -> None:
    """``show`` and ``show --json`` have each entry in its one line."""
    story = await story_object(world.engine, world.ledger, CASE)
    assert [entry["what"] for entry in story["entries"]] == [told.line for told in EXPECTED.values()]
    shown = "\n".join(_lines(story))
    assert [told.line for told in EXPECTED.values() if f"  {told.line}" not in shown] == []


async def test_console_and_api(world: World, written: dict[str, Entry]) -> None:
    """The case's page, the page of all entries, the API and its stream say the same line of each."""
    browser, api = await world.browser("ann"), await world.api("ann")
    case, audit = (
        html.unescape((await browser.get(f"/cases/{CASE}")).text),
        html.unescape((await browser.get("/audit")).text),
    )
    listed = {entry["seq"]: entry for entry in (await api.get("/api/v1/audit/entries")).json()["entries"]}
    told = (await api.get(f"/api/v1/cases/{CASE}")).json()
    for kind, entry in written.items():
        line = EXPECTED[kind].line
        assert line in case, kind
        assert line in audit, kind
        assert (listed[entry.seq]["what"], listed[entry.seq]["kind"]) == (line, kind)
        assert "text" not in listed[entry.seq]
        assert json.dumps(line) in event(entry)
    assert [entry["what"] for entry in told["entries"]] == [told.line for told in EXPECTED.values()]


def test_what_others_are_told(written: dict[str, Entry]) -> None:
    """Prefect's events, people's notifications, a ticket's work note: these kinds, in these words, no others."""
    for kind, entry in written.items():
        expected, emitted, occasion = EXPECTED[kind], event_of(entry), occasion_of(entry)
        assert (emitted and emitted["event"]) == (expected.event and f"retrust.case.{expected.event}"), kind
        said = message(occasion, entry, None, None, "").body if occasion else None
        assert said == (expected.notification and "\n".join(expected.notification)), kind
        assert entry.told("note") == expected.note, kind


async def test_the_pack(world: World, written: dict[str, Entry], tmp_path: Path) -> None:
    """It verifies, and holds of each kind the files that the table names, with every field of it, and no others."""
    pack = await export_case(world.ledger, CASE, tmp_path / "pack.zip")
    assert verify_pack(pack).ok
    files = unpacked(pack.read_bytes())
    names = {
        kind: {name.format(seq=f"{entry.seq:08}") for name in EXPECTED[kind].pack} for kind, entry in written.items()
    }
    always = {"README.txt", "case.json", "chain.jsonl", "manifest.json", "manifest.sig", "public.pem"}
    assert set(files) == always.union(*names.values())
    for kind, entry in written.items():
        for name in names[kind]:
            if name.endswith(".json") and not name.startswith("snapshots/"):
                [held] = [held] if isinstance(held := json.loads(files[name]), dict) else held
                assert entry.stored.items() <= held.items(), name
