"""Checks an evidence pack with nothing but the pack and a public key, and names the first thing changed.

No ledger, no inventory, no network. Without a key of the reader's own, the pack is held against the key
inside it: that proves it whole, not whose it is; the report says so and names the key to compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrust.audit.archive import (
    CHAIN,
    FORMAT,
    KEYS,
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    UNSIGNED,
    Damaged,
    first_change,
    packed,
    unpacked,
)
from retrust.audit.links import FIELDS, fault
from retrust.errors import UsageError
from retrust.ledger.entries import Attached, CaseMoved, Planned
from retrust.ledger.entry import read
from retrust.ledger.keys import key_id, pem, public_from_pem, signed_by
from retrust.ledger.ring import Ring

LARGEST = 1 << 30
"""Bytes of a pack; transcripts and pictures of one case need a hundredth of that."""


@dataclass(frozen=True)
class PackReport:
    """``problem`` is the first one found; ``trusted`` says that the reader's own key was the signer's."""

    problem: str | None = None
    case: str | None = None
    site: str | None = None
    state: str | None = None
    key: str | None = None
    trusted: bool = False
    entries: int = 0

    @property
    def ok(self) -> bool:
        return self.problem is None

    def __str__(self) -> str:
        if self.problem is not None:
            return self.problem
        whose = "a key that you gave" if self.trusted else "which nothing here vouches for"
        what = f"case {self.case} of {self.site}: {self.state}; {self.entries} entries"
        return f"{what}, signed by {self.key}, {whose}"


class _Changed(Exception):
    pass


def verify_pack(path: Path, signer: str | None = None) -> PackReport:
    """``signer``: the id of the key that the reader expects. Raises only for a file that cannot be read."""
    data = _read(path)
    try:
        return _verified(data, signer)
    except (Damaged, _Changed) as found:
        return PackReport(problem=str(found))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as exc:
        return PackReport(problem=f"the pack holds what no pack holds ({type(exc).__name__}); ask for it again")


def _read(path: Path) -> bytes:
    try:
        if path.is_file() and path.stat().st_size > LARGEST:
            raise UsageError(f"a pack has at most {LARGEST >> 20} MiB", where=str(path))
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(f"the pack cannot be read: {exc.strerror}", where=str(path)) from exc


def _verified(data: bytes, signer: str | None) -> PackReport:
    files = unpacked(data)
    manifest = _manifest(files, signer)
    _files(files, manifest)
    entries = _chain(files[CHAIN])
    _attachments(files, manifest, entries)
    _told_alike(files, manifest, entries)
    at = first_change(data, packed(files))
    if at is not None:
        raise _Changed(f"the archive's frame was changed at byte {at}; its files are as they were packed")
    return PackReport(
        case=manifest["case"],
        site=manifest["site"],
        state=manifest["state"],
        key=manifest["key"],
        trusted=signer is not None,
        entries=len(entries),
    )


def _manifest(files: Mapping[str, bytes], signer: str | None) -> dict[str, Any]:
    for name in (*UNSIGNED, CHAIN):
        if name not in files:
            raise _Changed(f"{name}: missing")
    try:
        inside = public_from_pem(files[PUBLIC_KEY])
    except ValueError:
        raise _Changed(f"{PUBLIC_KEY}: changed, it is no public key") from None
    if files[PUBLIC_KEY] != pem(inside):
        raise _Changed(f"{PUBLIC_KEY}: changed")
    if signer is not None and key_id(inside) not in _let_in(signer, files.get(KEYS, b"")):
        raise _Changed(f"{PUBLIC_KEY}: another key than yours: {key_id(inside)}")
    if not signed_by(inside, files[SIGNATURE], files[MANIFEST]):
        if _named_key(files[MANIFEST]) not in (None, key_id(inside)):
            raise _Changed(f"{PUBLIC_KEY}: not the key that {MANIFEST} names")
        raise _Changed(f"{MANIFEST}: not what {SIGNATURE} signs with {key_id(inside)}")
    manifest: dict[str, Any] = json.loads(files[MANIFEST])
    if manifest.get("format") != FORMAT:
        raise _Changed(f"{MANIFEST}: the format is {manifest.get('format')!r}, this Retrust reads {FORMAT!r}")
    if not isinstance(manifest["missing"], dict):
        raise _Changed(f"{MANIFEST}: does not say what is missing")
    return manifest


def _let_in(first: str, joined: bytes) -> set[str]:
    """The keys that sign for whoever trusts the key ``first``."""
    ring = Ring()
    for entry in _lines(joined, KEYS):
        ring.fault(entry)  # one that nobody let in is none of the ring
    return ring.vouched(first)


def _named_key(manifest: bytes) -> str | None:
    """The key that an unproven manifest names, to tell a changed key from a changed manifest."""
    try:
        named: str | None = json.loads(manifest)["key"]
    except (ValueError, KeyError, TypeError):
        return None
    return named


def _files(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    sums = manifest["files"]
    for name in sorted(sums):
        if name not in files:
            raise _Changed(f"{name}: missing")
        if hashlib.sha256(files[name]).hexdigest() != sums[name]:
            if name == CHAIN:
                _chain(files[CHAIN])  # names the entry, if the change is in one
            raise _Changed(f"{name}: changed")
    for name in sorted(set(files) - set(sums) - set(UNSIGNED)):
        raise _Changed(f"{name}: added")


def _chain(text: bytes) -> list[dict[str, Any]]:
    """The segment's entries that are there in full; the others count as links only."""
    full: list[dict[str, Any]] = []
    prev_seq, prev_hash = None, None
    for line in _lines(text, CHAIN):
        before = line["seq"] - 1 if prev_seq is None else prev_seq
        if set(line) == set(FIELDS):
            if found := fault(line, before, prev_hash):
                raise _Changed(f"{CHAIN}: entry {line['seq']}: {found}")
            full.append(line)
        elif set(line) != {"seq", "hash"} or line["seq"] != before + 1:
            raise _Changed(f"{CHAIN}: entry {line['seq']}: a gap, or something else than an entry")
        prev_seq, prev_hash = line["seq"], line["hash"]
    return full


def _lines(text: bytes, name: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or type(entry.get("seq")) is not int or not isinstance(entry.get("hash"), str):
            raise _Changed(f"{name}: line {number} is no entry")
        yield entry


def _told_alike(files: Mapping[str, bytes], manifest: Mapping[str, Any], entries: list[dict[str, Any]]) -> None:
    """The case, its state and the chain's segment say the same: whoever has the key could write them apart."""
    case = json.loads(files["case.json"])
    for name, said in (("id", manifest["case"]), ("site", manifest["site"]), ("state", manifest["state"])):
        if case[name] != said:
            raise _Changed(f"case.json: its {name} is {case[name]!r}, that of {MANIFEST} is {said!r}")
    told = [
        read(e["kind"], e["body"])
        for e in entries
        if e["kind"] in ("case-moved", "planned") and e["case_id"] == case["id"]
    ]
    states = [body.state.value for body in told if isinstance(body, CaseMoved | Planned)]
    last = states[-1] if states else "open"
    if last != case["state"]:
        raise _Changed(f"case.json: says {case['state']!r}, the chain says {last!r}")


def _attachments(files: Mapping[str, bytes], manifest: Mapping[str, Any], entries: list[dict[str, Any]]) -> None:
    """What was registered with the case must be here as it was registered; what is not, is named."""
    newest = {}
    for entry in entries:
        if entry["kind"] == "attachment":
            attached = _attached(entry)
            newest[attached.name] = attached.sha256
    for name, expected in sorted(newest.items()):
        if why := manifest["missing"].get(name):
            raise _Changed(f"attachments/{name}: {why}")
        data = files.get(f"attachments/{name}")
        if data is None or hashlib.sha256(data).hexdigest() != expected:
            raise _Changed(f"attachments/{name}: not what was registered with the case")


def _attached(entry: Mapping[str, Any]) -> Attached:
    try:
        body = read("attachment", entry["body"])
    except ValueError as exc:
        raise _Changed(f"{CHAIN}: entry {entry['seq']}: does not say what was attached") from exc
    assert isinstance(body, Attached)
    return body
