"""A pack that somebody made to hurt: whoever verifies it is told one thing that is wrong, soon, and nothing else."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.counts import many
from retrust.audit import export_case, verify_pack
from retrust.audit.archive import CHAIN, MANIFEST, PUBLIC_KEY, SIGNATURE, UNSIGNED, packed, unpacked
from retrust.errors import UsageError
from retrust.ledger import Ledger
from retrust.ledger.keys import LedgerKey, pem
from retrust.testing.ledgers import SITE, noticed

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> LedgerKey:
    return LedgerKey.of(tmp_path_factory.mktemp("evil"))


@pytest.fixture
async def files(tmp_path: Path) -> Files:
    """A genuine pack's."""
    async with await Ledger.open(None, tmp_path / "home") as ledger:
        case = (await ledger.open_case(SITE, cause="a log line", actor="person:alice")).id
        await ledger.append(noticed(), actor="x", case=case, site=SITE)
        await ledger.move(case, "cancel", actor="person:alice")
        return unpacked((await export_case(ledger, case, tmp_path / "pack.zip")).read_bytes())


def signed(files: Files, key: LedgerKey, manifest: bytes | None = None) -> bytes:
    """The pack as a stranger signs it, so that only what it holds can be wrong."""
    if manifest is None:
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name not in UNSIGNED}
        manifest = json.dumps(json.loads(files[MANIFEST]) | {"key": key.key_id, "files": sums}).encode()
    return packed({**files, MANIFEST: manifest, SIGNATURE: key.sign(manifest), PUBLIC_KEY: pem(key.public)})


def complaint(data: bytes, folder: Path) -> str:
    """What is said of it: one line, in less than a few seconds."""
    (folder / "hostile.zip").write_bytes(data)
    begun = time.monotonic()
    report = verify_pack(folder / "hostile.zip")
    assert time.monotonic() - begun < 5
    assert not report.ok
    assert "\n" not in str(report)
    return str(report)


def changed(change: dict[str, object]) -> Callable[[Files], Files]:
    def with_it(files: Files) -> Files:
        first, *rest = files[CHAIN].splitlines(keepends=True)
        return files | {CHAIN: json.dumps(json.loads(first) | change).encode() + b"\n" + b"".join(rest)}

    return with_it


DEEP = b"[" * 200_000
LINES: dict[str, bytes] = {
    "deep": DEEP,
    "deep object": b'{"a":' * 100_000,
    "not text": b"\xff\xfe{}",
    "a list": b"[]",
    "nothing": b"null",
    "NaN": b'{"seq": NaN, "hash": ""}',
    "infinite": b'{"seq": 1e999, "hash": ""}',
    "a big number": b'{"seq": 1' + b"0" * 5000 + b', "hash": ""}',
    "true": b'{"seq": true, "hash": ""}',
    "a surrogate": b'{"seq": 1, "hash": "\\ud800"}',
    "twice": b'{"seq": 1, "seq": 9, "hash": ""}',
    "half": b'{"seq": 1, "ha',
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_odd_lines_of_the_chain(files: Files, evil: LedgerKey, tmp_path: Path, line: bytes) -> None:
    """A line of the chain that no ledger writes."""
    rest = files[CHAIN].splitlines(keepends=True)[1:]
    said = complaint(signed(files | {CHAIN: line + b"\n" + b"".join(rest)}, evil), tmp_path)
    assert CHAIN in said or "what no pack holds" in said


ENTRIES: dict[str, dict[str, object]] = {
    "no body": {"body": None},
    "a deep body": {"body": DEEP.decode()},
    "no text": {"body": 1},
    "no link": {"prev_hash": []},
    "an odd kind": {"kind": {}},
    "a surrogate": {"actor": "\ud800"},
    "NaN inside": {"body": '{"a":NaN}'},
    "a big number inside": {"body": '{"a":1' + "0" * 5000 + "}"},
    "a negative number": {"seq": -1},
    "a huge time": {"at": 1e300},
}


@pytest.mark.parametrize("change", ENTRIES.values(), ids=ENTRIES)
def test_odd_entries(files: Files, evil: LedgerKey, tmp_path: Path, change: dict[str, object]) -> None:
    """An entry with a field that no ledger writes."""
    complaint(signed(changed(change)(files), evil), tmp_path)


MANIFESTS = {
    "a list": b"[]",
    "deep": DEEP,
    "not text": b"\xff\xfe",
    "a number": b"1",
    "empty": b"",
    "NaN": b'{"format": NaN}',
    "no format": b"{}",
    "a big number": b'{"format": 1' + b"0" * 5000 + b"}",
}


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_odd_manifests(files: Files, evil: LedgerKey, tmp_path: Path, manifest: bytes) -> None:
    """Well signed, and no manifest."""
    complaint(signed(files, evil, manifest), tmp_path)


@pytest.mark.parametrize("name", ["files", "missing", "case", "site", "state", "format"])
@pytest.mark.parametrize("value", [None, 1, [], "x", {"case.json": 1}])
def test_odd_values_of_the_manifest(files: Files, evil: LedgerKey, tmp_path: Path, name: str, value: object) -> None:
    """Each of its values may be of any other kind."""
    manifest = json.loads(files[MANIFEST]) | {"key": evil.key_id, name: value}
    if (name, value) != ("missing", {"case.json": 1}):
        complaint(signed(files, evil, json.dumps(manifest).encode()), tmp_path)


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_odd_lines_of_keys(files: Files, evil: LedgerKey, tmp_path: Path, line: bytes) -> None:
    """What stands where a pack says how its key was let in."""
    (tmp_path / "hostile.zip").write_bytes(signed(files | {"keys.jsonl": line + b"\n"}, evil))
    assert not verify_pack(tmp_path / "hostile.zip", "SHA256:" + "0" * 64).ok


@pytest.mark.parametrize("case", [b"[]", b"null", DEEP, b"\xff", b'{"id": 1}', b""])
def test_odd_cases(files: Files, evil: LedgerKey, tmp_path: Path, case: bytes) -> None:
    """case.json may hold anything."""
    complaint(signed(files | {"case.json": case}, evil), tmp_path)


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"x",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nMBMwDQYJKoZIhvcNAQEGBQADAgAA\n-----END PUBLIC KEY-----\n",
    ],
)
def test_odd_keys(files: Files, tmp_path: Path, key: bytes) -> None:
    """What stands in the key's place."""
    assert PUBLIC_KEY in complaint(packed(files | {PUBLIC_KEY: key}), tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """More than any pack has is a wrong call; nothing of it comes into memory."""
    path = tmp_path / "huge.zip"
    with path.open("wb") as file:
        file.truncate(40 << 30)
    with pytest.raises(UsageError, match="at most 1024 MiB"):
        verify_pack(path)


@settings(max_examples=many(300))
@given(data=st.data())
def test_any_change_ends_in_words(files: Files, evil: LedgerKey, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever bytes replace part of any file, signed anew or not: a report, and no exception."""
    name = data.draw(st.sampled_from(sorted(files)))
    content = files[name]
    at = data.draw(st.integers(0, len(content)))
    until = data.draw(st.integers(at, min(at + 200, len(content))))
    put = data.draw(st.one_of(st.binary(max_size=40), st.sampled_from([b"NaN", b"null", b"[]", b"{}", b"1e999", b'"'])))
    hostile = files | {name: content[:at] + put + content[until:]}
    if data.draw(st.booleans()):
        manifest = hostile[MANIFEST] if name == MANIFEST else None
        (tmp_path / "hostile.zip").write_bytes(signed(hostile, evil, manifest))
    else:
        (tmp_path / "hostile.zip").write_bytes(packed(hostile))
    assert isinstance(str(verify_pack(tmp_path / "hostile.zip")), str)
