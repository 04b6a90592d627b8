"""A case's entries told as files that a person reads: listings, evidence, plans, decisions. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from retrust.approval.signing import statement
from retrust.ledger.canonical import written_time
from retrust.ledger.entries import KINDS, Decided, Planned, SnapshotTaken
from retrust.ledger.entry import Entry
from retrust.ledger.records import Case
from retrust.models import Finding

Files = Iterator[tuple[str, bytes]]


def told(case: Case, entries: Iterable[Entry]) -> dict[str, bytes]:
    """The case, and each kind of entry in the file, or the folder of files, that the table of kinds names for it."""
    files, listed = {"case.json": _json(case.model_dump(mode="json"))}, defaultdict(list)
    for entry in entries:
        place = KINDS[entry.kind].pack if entry.kind in KINDS else None
        if place in _FOLDERS:
            files.update(_FOLDERS[place](f"{place}{entry.seq:08}", entry, entry.body))
        elif place is not None and place.endswith(".json"):  # the files under attachments/ are read by ``pack``
            listed[place].append(_dated(entry))
    return files | {name: _json(found) for name, found in listed.items()}


def _snapshot(name: str, entry: Entry, body: SnapshotTaken) -> Files:
    folder, findings = f"{name}-{body.when}", body.snapshot.findings
    for holder in sorted({finding.pin.holder for finding in findings}):
        lines = [f"{f.pin.line}\n" for f in findings if f.pin.holder == holder]
        yield f"{folder}/listing-{_plain(holder)}.txt", "".join(lines).encode()
    yield f"{folder}/fingerprints.json", _json([_fingerprints(finding) for finding in findings])
    yield f"{folder}/evidence.json", _json([_evidence(finding) for finding in findings])
    relations = body.snapshot.model_dump(mode="json", include={"relations"})
    yield f"{folder}/relations.json", _json(relations["relations"])


def _fingerprints(finding: Finding) -> dict[str, Any]:
    presented, baseline = finding.presented, finding.baseline
    return {
        "holder": finding.pin.holder,
        "key": finding.pin.key,
        "verdict": finding.verdict,
        "presented": presented and presented.fingerprint,
        "last_verified": baseline and baseline.fingerprint,
    }


def _evidence(finding: Finding) -> dict[str, Any]:
    said = finding.model_dump(mode="json", include={"verdict", "reasons", "evidence"})
    return {"holder": finding.pin.holder, "key": finding.pin.key, **said.pop("evidence"), **said}


def _plan(name: str, entry: Entry, body: Planned) -> Files:
    yield f"{name}.json", _json(_dated(entry))
    if body.plan.unseen:
        yield f"{name}-risk.txt", "".join(f"{sentence}\n" for sentence in body.plan.unseen).encode()


def _decision(name: str, entry: Entry, body: Decided) -> Files:
    """A signed decision also as the two files that ``ssh-keygen -Y verify`` takes."""
    yield f"{name}.json", _json(_dated(entry))
    if body.signature:
        signed = (
            (f"{name}.signed", statement(body.case, body.digest))
            if entry.version > 1
            else (f"{name}.digest", body.digest)
        )
        yield signed[0], signed[1].encode()
        yield f"{name}.sig", body.signature.encode()


_FOLDERS: dict[str | None, Callable[[str, Entry, Any], Files]] = {
    "snapshots/": _snapshot,
    "plans/": _plan,
    "decisions/": _decision,
}


def _dated(entry: Entry) -> dict[str, Any]:
    return {"seq": entry.seq, "at": written_time(entry.at), "actor": entry.actor, "run": entry.run, **entry.stored}


def _plain(name: str) -> str:
    """A node's name as part of a file's."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")
