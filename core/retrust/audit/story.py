"""A case's entries told as files that a person reads: listings, evidence, plans, decisions. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from retrust.ledger.canonical import written_time
from retrust.ledger.records import Case, Entry

Files = Iterator[tuple[str, bytes]]


def told(case: Case, entries: Iterable[Entry]) -> dict[str, bytes]:
    entries = list(entries)
    files = {"case.json": _json(case.model_dump(mode="json"))}
    for tell in (_outcome, _snapshots, _plans, _decisions):
        files.update(tell(entries))
    return files


def _outcome(entries: list[Entry]) -> Files:
    for kind, name in (
        ("step", "steps.json"),
        ("case-moved", "states.json"),
        ("alarm", "alarms.json"),
        ("sighted", "sightings.json"),
        ("baselines", "baselines.json"),
        ("identity-changed", "changed-identities.json"),
        ("identity-accepted", "identities.json"),
    ):
        found = [_dated(entry) for entry in entries if entry.kind == kind]
        if found:
            yield name, _json(found)


def _snapshots(entries: list[Entry]) -> Files:
    for entry in entries:
        if entry.kind != "snapshot":
            continue
        folder = f"snapshots/{entry.seq:08}-{entry.body['when']}"
        findings = entry.body["snapshot"]["findings"]
        for holder in sorted({finding["pin"]["holder"] for finding in findings}):
            lines = [f["pin"]["line"] for f in findings if f["pin"]["holder"] == holder]
            yield f"{folder}/listing-{_plain(holder)}.txt", "".join(f"{line}\n" for line in lines).encode()
        yield f"{folder}/fingerprints.json", _json([_fingerprints(finding) for finding in findings])
        yield f"{folder}/evidence.json", _json([_evidence(finding) for finding in findings])
        yield f"{folder}/relations.json", _json(entry.body["snapshot"]["relations"])


def _fingerprints(finding: dict[str, Any]) -> dict[str, Any]:
    presented, baseline = finding["presented"] or {}, finding["baseline"] or {}
    return {
        "holder": finding["pin"]["holder"],
        "key": finding["pin"]["key"],
        "verdict": finding["verdict"],
        "presented": presented.get("fingerprint"),
        "last_verified": baseline.get("fingerprint"),
    }


def _evidence(finding: dict[str, Any]) -> dict[str, Any]:
    return {
        "holder": finding["pin"]["holder"],
        "key": finding["pin"]["key"],
        "verdict": finding["verdict"],
        "reasons": finding["reasons"],
        **finding["evidence"],
    }


def _plans(entries: list[Entry]) -> Files:
    for entry in entries:
        if entry.kind == "planned":
            yield f"plans/{entry.seq:08}.json", _json(_dated(entry))


def _decisions(entries: list[Entry]) -> Files:
    """A signed decision also as the two files that ``ssh-keygen -Y verify`` takes."""
    for entry in entries:
        if entry.kind == "decided":
            name = f"decisions/{entry.seq:08}"
            yield f"{name}.json", _json(_dated(entry))
            if entry.body["signature"]:
                yield f"{name}.digest", entry.body["digest"].encode()
                yield f"{name}.sig", entry.body["signature"].encode()


def _dated(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": written_time(entry.at),
        "actor": entry.actor,
        "run": entry.run,
        **entry.body,
    }


def _plain(name: str) -> str:
    """A node's name as part of a file's."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")
