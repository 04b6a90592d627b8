from __future__ import annotations

import asyncio
import filecmp
import functools
import json
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.counts import many
from retrust.audit import export_case, verify_pack
from retrust.audit.archive import packed, unpacked
from retrust.errors import UsageError
from retrust.ledger import Ledger, NoSuchCase
from retrust.ledger.keys import LedgerKey
from retrust.testing.ledgers import SITE, SetClock, baseline, decision, noticed, plan, snapshot

SIGNATURE = "-----BEGIN SSH SIGNATURE-----\n…\n-----END SSH SIGNATURE-----\n"


async def decided(ledger: Ledger) -> str:
    """A healed case with evidence, between whose entries another site's case goes its own way."""
    case = (await ledger.open_case(SITE, cause="a log line", actor="person:alice")).id
    await ledger.record_snapshot(case, snapshot(), when="before", actor="service")
    other = (await ledger.open_case("elsewhere", cause="a secret of theirs", actor="person:zoe")).id
    await ledger.record_plan(case, plan(), actor="service")
    await ledger.move(other, "cancel", actor="person:zoe")
    await ledger.decide(decision(case, signature=SIGNATURE))
    await ledger.set_baselines([baseline()], actor="service")
    (ledger.home / "shot.png").write_bytes(b"\x89PNG")
    await ledger.attach(case, "screenshots/ha.png", ledger.home / "shot.png", actor="service")
    await ledger.move(case, "heal", actor="service")
    await ledger.append(noticed(), actor="later", site=SITE)
    return case


@functools.cache
def exported() -> tuple[bytes, str]:
    """A pack, and the id of its ledger's key, which is gone by then."""

    async def export(home: Path) -> tuple[Path, str]:
        async with await Ledger.open(None, home, clock=SetClock()) as ledger:
            path = await export_case(ledger, await decided(ledger), home / "out" / "pack.zip")
            return path, ledger.signing_key().key_id

    with tempfile.TemporaryDirectory() as home:
        path, key = asyncio.run(export(Path(home)))
        return path.read_bytes(), key


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "pack.zip"
    path.write_bytes(exported()[0])
    return path


def test_a_pack_holds_the_whole_story(pack: Path) -> None:
    """Listings, fingerprints, evidence, plan, decisions, attachments and outcome; nothing of another site."""
    files = unpacked(pack.read_bytes())
    assert set(files) == {
        "README.txt",
        "attachments/screenshots/ha.png",
        "baselines.json",
        "case.json",
        "chain.jsonl",
        "decisions/00000007.json",
        "decisions/00000007.sig",
        "decisions/00000007.signed",
        "manifest.json",
        "manifest.sig",
        "plans/00000005-risk.txt",
        "plans/00000005.json",
        "public.pem",
        "snapshots/00000003-before/evidence.json",
        "snapshots/00000003-before/fingerprints.json",
        "snapshots/00000003-before/listing-primary.txt",
        "snapshots/00000003-before/relations.json",
        "states.json",
    }
    assert files["snapshots/00000003-before/listing-primary.txt"].decode() == snapshot().findings[0].pin.line + "\n"
    assert json.loads(files["case.json"])["state"] == "healed"
    assert not [name for name, data in files.items() if b"secret of theirs" in data or b"zoe" in data]


def test_a_pack_verifies_with_the_key_alone(pack: Path) -> None:
    """Offline, and with the reader's own key it also says whose it is."""
    report = verify_pack(pack, exported()[1])
    assert (report.ok, report.trusted, report.case, report.site, report.state) == (
        True,
        True,
        f"{SITE}-1",
        SITE,
        "healed",
    )
    alone = verify_pack(pack)
    assert (alone.ok, alone.trusted) == (True, False)
    assert "which nothing here vouches for" in str(alone)


def test_a_pack_is_verified_without_a_database(tmp_path: Path) -> None:
    """No database toolkit is imported for it, and no ledger is looked for."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom retrust.audit import verify_pack\n"
        "print(verify_pack(Path(sys.argv[1])).ok, {'sqlalchemy', 'alembic'} & set(sys.modules))"
    )

    async def export() -> Path:
        async with await Ledger.open(None, tmp_path / "home") as ledger:
            case = await ledger.open_case(SITE, cause="x", actor="x")
            return await export_case(ledger, case.id, tmp_path / "pack.zip")

    pack = asyncio.run(export())
    shutil.rmtree(tmp_path / "home")
    assert subprocess.check_output([sys.executable, "-c", code, pack], text=True) == "True set()\n"


async def test_a_pack_is_always_the_same(ledger: Ledger, tmp_path: Path) -> None:
    """On either database; exported again, later, after other things happened: the same bytes, which verify."""
    case = await decided(ledger)
    first = await export_case(ledger, case, tmp_path / "first.zip")
    await ledger.append(noticed(), actor="later")
    again = await export_case(ledger, case, tmp_path / "again.zip")
    assert filecmp.cmp(first, again, shallow=False)
    assert verify_pack(again).ok


def test_another_key_is_named(pack: Path, tmp_path: Path) -> None:
    """Whole, but not the reader's: refused, with the key's fingerprint."""
    other = LedgerKey.of(tmp_path / "other")
    report = verify_pack(pack, other.key_id)
    assert (report.ok, str(report).startswith("public.pem: another key than yours: SHA256:")) == (False, True)


async def test_a_key_that_was_let_in(ledger: Ledger, tmp_path: Path) -> None:
    """A pack of another worker verifies with the key that the chain began with; without its signature it does not."""
    other, first = LedgerKey.of(tmp_path / "other"), ledger.signing_key().key_id
    case = await decided(ledger)
    await ledger.join(other.public_hex, actor="person:ann")
    ledger._key = other
    pack = await export_case(ledger, case, tmp_path / "pack.zip")
    assert (verify_pack(pack, first).ok, verify_pack(pack, other.key_id).ok, verify_pack(pack).ok) == (True, True, True)
    files = unpacked(pack.read_bytes())
    lines = [json.loads(line) for line in files["keys.jsonl"].splitlines()]
    assert [line["seq"] for line in lines] == [1, lines[1]["seq"]]
    body = json.loads(lines[1]["body"])
    for change in ({"signature": "00" * 64}, {"signature": None}, {"by": other.key_id}, {"public_key": "11" * 32}):
        forged = [lines[0], lines[1] | {"body": json.dumps(body | change)}]
        pack.write_bytes(packed(files | {"keys.jsonl": "".join(f"{json.dumps(x)}\n" for x in forged).encode()}))
        assert str(verify_pack(pack, first)).startswith("public.pem: another key than yours"), change
        assert str(verify_pack(pack, other.key_id)) == "keys.jsonl: changed"


def test_a_changed_byte_in_any_file_names_the_file(pack: Path, tmp_path: Path) -> None:
    """The first, a middle and the last byte of every file in it."""
    data = pack.read_bytes()
    with zipfile.ZipFile(pack) as archive:
        places = [
            (info.filename, info.header_offset + 30 + len(info.filename), info.file_size) for info in archive.infolist()
        ]
    for name, start, size in places:
        for at in {0, size // 2, size - 1}:
            changed = bytearray(data)
            changed[start + at] ^= 1
            pack.write_bytes(changed)
            said = str(verify_pack(pack))
            assert name in said, f"{name} at {at}: {said}"


def test_a_changed_byte_anywhere_is_found(pack: Path) -> None:
    """The archive's own headers as well; and bytes cut off, or put behind."""
    data, chance = pack.read_bytes(), random.Random(2)
    for at in chance.sample(range(len(data)), many(1500)):
        changed = bytearray(data)
        changed[at] ^= 1 << chance.randrange(8)
        pack.write_bytes(changed)
        assert not verify_pack(pack).ok, at
    for changed_length in (data[:-1], data[: len(data) // 2], b"", data + b"\n", b"\n" + data):
        pack.write_bytes(changed_length)
        assert not verify_pack(pack).ok


def test_an_entry_of_the_segment_is_named(pack: Path) -> None:
    """Of a change in the chain's segment, the entry; of one taken out, the gap."""
    files = unpacked(pack.read_bytes())
    lines = files["chain.jsonl"].splitlines(keepends=True)
    changed = [line.replace(b"person:bob", b"person:eve") if b"decided" in line else line for line in lines]
    pack.write_bytes(packed(files | {"chain.jsonl": b"".join(changed)}))
    assert str(verify_pack(pack)) == "chain.jsonl: entry 7: its hash differs from what its content gives"
    pack.write_bytes(packed(files | {"chain.jsonl": b"".join(lines[:2] + lines[3:])}))
    assert "chain.jsonl: entry 5: a gap" in str(verify_pack(pack))


def test_files_taken_out_or_added_are_named(pack: Path) -> None:
    """The manifest says which files there are."""
    files = unpacked(pack.read_bytes())
    pack.write_bytes(packed({name: data for name, data in files.items() if name != "case.json"}))
    assert str(verify_pack(pack)) == "case.json: missing"
    pack.write_bytes(packed(files | {"zzz.txt": b""}))
    assert str(verify_pack(pack)) == "zzz.txt: added"
    pack.write_bytes(packed({name: data for name, data in files.items() if name != "manifest.sig"}))
    assert str(verify_pack(pack)) == "manifest.sig: missing"


@pytest.mark.parametrize(
    ("do", "said"),
    [(Path.unlink, "cannot be read any more"), (lambda file: file.write_bytes(b"x"), "was changed after")],
)
async def test_an_attachment_that_changed_since(
    ledger: Ledger, tmp_path: Path, do: Callable[[Path], object], said: str
) -> None:
    """The pack is made all the same, without it; whoever verifies is told which one and why."""
    case = await decided(ledger)
    do(ledger.home / "shot.png")
    pack = await export_case(ledger, case, tmp_path / "pack.zip")
    assert str(verify_pack(pack)).startswith(f"attachments/screenshots/ha.png: {said}")


async def test_no_such_case_and_no_such_pack(ledger: Ledger, tmp_path: Path) -> None:
    """A wrong case or path is a wrong call, and leaves no half file."""
    with pytest.raises(NoSuchCase):
        await export_case(ledger, "c99", tmp_path / "pack.zip")
    with pytest.raises(UsageError, match="cannot be read"):
        verify_pack(tmp_path / "pack.zip")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
def test_the_readme_is_true(pack: Path, tmp_path: Path) -> None:
    """The command that the pack's README gives verifies it without us, and fails on a changed manifest."""
    files = unpacked(pack.read_bytes())
    command = next(line.split() for line in files["README.txt"].decode().splitlines() if "openssl" in line)
    for name in ("manifest.json", "manifest.sig", "public.pem"):
        (tmp_path / name).write_bytes(files[name])
    assert run(command, tmp_path) == 0
    (tmp_path / "manifest.json").write_bytes(files["manifest.json"] + b" ")
    assert run(command, tmp_path) != 0


def run(command: list[str], folder: Path) -> int:
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode
