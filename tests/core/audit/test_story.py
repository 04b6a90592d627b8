"""A case's entries as files that a person reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retrust.audit.story import told
from retrust.ledger import Case, Entry
from retrust.ledger.canonical import canonical
from retrust.ledger.entries import AlarmRaised, Attached, Decided, Planned, SnapshotTaken
from retrust.models import Evidence, Plan
from retrust.states import State
from retrust.testing.ledgers import NOON, SITE, an_entry, decision, fingerprint, noticed, plan, snapshot

CASE = Case(
    id="campus-1",
    site=SITE,
    state=State.HEALED,
    opened_at=NOON,
    updated_at=NOON,
    cause="a log line",
    requested_by="person:alice",
)


def files(*entries: Entry) -> dict[str, bytes]:
    return told(CASE, entries)


def test_the_case_itself() -> None:
    """As it stands now; entries of kinds that no file is named for, or that this version does not know, add none."""
    attached = an_entry(Attached(name="a", sha256="b", path="c"))
    newer = an_entry(noticed()).model_copy(update={"kind": "of a newer Retrust"})
    found = files(an_entry(noticed()), attached, newer)
    assert set(found) == {"case.json"}
    assert json.loads(found["case.json"])["state"] == "healed"


def test_entries_of_a_kind_are_listed_in_their_order() -> None:
    """With number, time, who and all that they said, whether this version reads it or not."""
    first, second = (an_entry(AlarmRaised(what=what, detail="d"), seq=seq) for seq, what in ((3, "x"), (5, "y")))
    older = second.model_copy(update={"text": canonical({"what": "y", "of an older version": 1})})
    [one, two] = json.loads(files(first, older)["alarms.json"])
    at = "2024-05-01T12:00:00.000000Z"
    assert one == {"seq": 3, "at": at, "actor": "service", "run": None, "what": "x", "detail": "d"}
    assert (two["seq"], two["of an older version"]) == (5, 1)


def test_a_snapshot_is_a_folder() -> None:
    """The listing of each holder as it was shown, fingerprints, evidence, relations."""
    finding = snapshot().findings[0]
    elsewhere = finding.model_copy(update={"pin": finding.pin.model_copy(update={"holder": "../ä b"})})
    seen = snapshot().model_copy(update={"findings": (finding, elsewhere)})
    found = files(an_entry(SnapshotTaken(snapshot=seen, when="before"), seq=7))
    folder = "snapshots/00000007-before"
    assert {name for name in found if name != "case.json"} == {
        f"{folder}/listing-primary.txt",
        f"{folder}/listing-.._ä_b.txt",
        f"{folder}/fingerprints.json",
        f"{folder}/evidence.json",
        f"{folder}/relations.json",
    }
    assert found[f"{folder}/listing-primary.txt"].decode() == f"{finding.pin.line}\n"
    [one, _] = json.loads(found[f"{folder}/fingerprints.json"])
    assert (one["presented"], one["last_verified"], one["verdict"]) == (fingerprint("new"), None, "stale")
    [one, _] = json.loads(found[f"{folder}/evidence.json"])
    assert one["reasons"] == list(finding.reasons)
    assert set(one) >= {"holder", "key", "verdict", *Evidence.model_fields}


@pytest.mark.parametrize("made", [plan(), plan().model_copy(update={"steps": ()})], ids=["at risk", "nothing to do"])
def test_a_plan_tells_its_risk(made: Plan) -> None:
    """What nobody has seen is a file of its own; a plan without such a risk has none."""
    body = Planned(digest="d1", planners=("service",), was=State.OPEN, state=State.PLANNED, plan=made)
    found = files(an_entry(body, seq=4))
    assert json.loads(found["plans/00000004.json"])["digest"] == "d1"
    risk = found.get("plans/00000004-risk.txt", b"").decode().splitlines()
    assert risk == list(made.unseen)
    assert bool(risk) is bool(made.steps)


def decided(**changes: Any) -> Entry:
    return an_entry(Decided(**decision("campus-1").model_dump() | {"roles": (), "signature": None} | changes), seq=6)


def test_a_signed_decision_can_be_checked_by_hand() -> None:
    """What was signed and the signature stand beside it; in entries of version 1 the digest alone was signed."""
    entry = decided(signature="-----BEGIN SSH SIGNATURE-----\n")
    found = files(entry)
    assert found["decisions/00000006.signed"] == b"yes campus-1 d1"
    assert found["decisions/00000006.sig"] == b"-----BEGIN SSH SIGNATURE-----\n"
    older = {name: value for name, value in entry.stored.items() if name != "v"}
    found = files(entry.model_copy(update={"text": canonical(older)}))
    assert found["decisions/00000006.digest"] == b"d1"
    assert "decisions/00000006.signed" not in found


def test_a_decision_without_a_signature_is_one_file() -> None:
    """There is nothing to check by hand."""
    assert set(files(decided())) == {"case.json", "decisions/00000006.json"}
