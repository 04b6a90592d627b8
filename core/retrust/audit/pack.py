"""Everything about a case in one signed archive that can be checked without us.

The chain's segment is the record; the other files tell it readably. Entries of other cases appear in
the segment as number and hash only: enough to prove the order, nothing of their content.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from retrust.audit.archive import CHAIN, FORMAT, KEYS, MANIFEST, PUBLIC_KEY, README, SIGNATURE, packed
from retrust.audit.story import told
from retrust.ledger.canonical import canonical
from retrust.ledger.entries import Attached, KeyJoined
from retrust.ledger.entry import Entry
from retrust.ledger.keys import LedgerKey, pem
from retrust.ledger.ledger import Ledger
from retrust.ledger.ring import KIND

HOW_TO = f"""\
Evidence of one case of Retrust.

`retrust audit verify THIS_FILE --public-key KEY.pem` checks all of it, offline. By hand:

  openssl pkeyutl -verify -pubin -inkey {PUBLIC_KEY} -rawin -in {MANIFEST} -sigfile {SIGNATURE}

then compare each file with its SHA-256 in {MANIFEST}. Compare the key with one that you were given by
another way: a signature proves only that the key's owner made this. {CHAIN} is the ledger's record, an
entry a line, each with the hash of the one before; entries of other cases show number and hash only.
A decision with a signature is checked with `ssh-keygen -Y verify` from its .sig and .signed files (in
older ledgers .sig and .digest).
"""


async def export_case(ledger: Ledger, case: str, path: Path) -> Path:
    """Write the pack of a case to ``path``; whole or not at all."""
    summary = await ledger.case(case)
    lines, entries = await _segment(ledger, case, summary.site)
    files, missing = await asyncio.to_thread(_attachments, entries, ledger.home)
    files |= told(summary, entries)
    files |= await _keys(ledger)
    files |= {CHAIN: "".join(f"{line}\n" for line in lines).encode("ascii"), README: HOW_TO.encode()}
    manifest = {"format": FORMAT, "case": case, "site": summary.site, "state": summary.state, "missing": missing}
    await asyncio.to_thread(_write, path, packed(_signed(files, manifest, ledger.signing_key())))
    return path


def _signed(files: Mapping[str, bytes], manifest: Mapping[str, Any], key: LedgerKey) -> dict[str, bytes]:
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    listed = json.dumps({**manifest, "key": key.key_id, "files": sums}, indent=1, sort_keys=True).encode("ascii")
    return {**files, MANIFEST: listed, SIGNATURE: key.sign(listed), PUBLIC_KEY: pem(key.public)}


async def _segment(ledger: Ledger, case: str, site: str) -> tuple[list[str], list[Entry]]:
    """The chain from the case's first entry to its last: its own and its site's in full."""
    own = [entry.seq async for entry in ledger.walk(case=case)]
    lines: list[str] = []
    entries: list[Entry] = []
    async for entry in ledger.walk(after=own[0] - 1):
        if entry.seq > own[-1]:
            break
        if entry.case == case or (entry.site == site and entry.case is None):
            entries.append(entry)
            lines.append(canonical(entry.row))
        else:
            lines.append(canonical({"seq": entry.seq, "hash": entry.hash}))
    return lines, entries


async def _keys(ledger: Ledger) -> dict[str, bytes]:
    """For a reader who was given the key that the chain began with, where another one signs this pack."""
    joined = await ledger.entries(kinds=(KIND,))
    if not joined or not isinstance(joined[0].body, KeyJoined) or joined[0].body.key_id == ledger.signing_key().key_id:
        return {}
    return {KEYS: "".join(f"{canonical(entry.row)}\n" for entry in joined).encode("ascii")}


def _attachments(entries: Iterable[Entry], home: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The registered files, and for each that is not what was registered, why it is left out."""
    newest = {entry.body.name: entry.body for entry in entries if isinstance(entry.body, Attached)}
    files, missing = {}, {}
    for name, attached in sorted(newest.items()):
        try:
            files[attachment_path(name)] = attached_file(attached, home)
        except ValueError as exc:
            missing[name] = str(exc)
    return files, missing


def attached_file(attached: Attached, home: Path) -> bytes:
    """The file as it was registered; ValueError says why it is not there."""
    try:
        data = (home / attached.path).read_bytes()
    except OSError as exc:
        raise ValueError(f"cannot be read any more: {exc.strerror}") from exc
    if hashlib.sha256(data).hexdigest() != attached.sha256:
        raise ValueError("was changed after it had been registered")
    return data


def attachment_path(name: str) -> str:
    return f"attachments/{name}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(data)
    beside.replace(path)
