"""With the ledger's machine in an attacker's hands, its key included: what signed notes kept elsewhere still show."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from retrust.cli.app import run
from retrust.ledger import Ledger
from retrust.ledger.keys import FILE, LedgerKey, pem
from retrust.ledger.witness import FileWitness
from retrust.testing.ledgers import noticed

INVENTORY = """
ledger: {witness: elsewhere/notes}
sites:
  lab1:
    target: openssh
    holders: {here: {path: known_hosts}}
    peers: {web1: {host: 127.0.0.1, port: 1}}
"""


@dataclass
class Place:
    """A home with a ledger, and what an auditor has: the pinned key, and the notes."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def key(self) -> Path:
        return self.folder / "elsewhere/key.pem"

    @property
    def notes(self) -> Path:
        return self.folder / "elsewhere/notes"

    def fill(self, *names: str, home: Path | None = None, noted: bool = True) -> None:
        async def fill() -> None:
            async with await Ledger.open(None, home or self.home) as ledger:
                if noted:
                    ledger.witnesses.append(FileWitness(self.notes))
                for name in names:
                    await ledger.append(noticed(name), actor="service")

        asyncio.run(fill())

    def put(self, database: Path) -> None:
        """Write another database over the ledger's, and take away what the home remembers."""
        for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
            (self.home / name).unlink(missing_ok=True)
        ours = self.home / "ledger.db"
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(ours)) as target:
            source.backup(target)
        (self.home / "ledger.anchors").unlink(missing_ok=True)

    def verify(self, *options: str | Path) -> tuple[int, str]:
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            run(["audit", "verify", *map(str, options)])
        out, err = self.capsys.readouterr()
        return int(end.value.code or 0), out + err


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    (tmp_path / "retrust.yaml").write_text(INVENTORY)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETRUST_INVENTORY", str(tmp_path / "retrust.yaml"))
    made = Place(tmp_path, capsys)
    made.fill("no, by carol", "a refusal")
    made.key.write_bytes(pem(LedgerKey.of(made.home).public))
    return made


def test_a_genuine_ledger(place: Place) -> None:
    """Entries that no note is of yet are no fault; the key is given as file or id, notes as one file or several."""
    first = LedgerKey.of(place.home).key_id
    older = shutil.copy(place.notes, place.folder / "elsewhere/older")
    place.fill("more")
    place.fill("not noted", noted=False)
    for key in (place.key, first):
        code, said = place.verify("--public-key", key, "--checkpoint", place.notes, "--checkpoint", older)
        assert (code, said.startswith("5 entries, the chain is whole")) == (0, True)
        assert "; up to entry 4 as the notes say" in said


def cut(place: Place) -> None:
    """The database of before the last entries, truly signed."""
    shutil.copytree(place.home, place.folder / "before")
    place.fill("a refusal", "an alarm")
    place.put(place.folder / "before/ledger.db")


def tail(place: Place) -> None:
    """The last entries are others, signed with the home's own key."""
    shutil.copytree(place.home, place.folder / "evil")
    place.fill("a refusal", "an alarm")
    place.fill("approved", "healed", "healed again", home=place.folder / "evil", noted=False)
    place.put(place.folder / "evil/ledger.db")


def whole(place: Place) -> None:
    """All of it is written anew with the home's own key."""
    (place.folder / "evil").mkdir()
    shutil.copy(place.home / FILE, place.folder / "evil" / FILE)
    place.fill("yes, by carol", "healed", "healed", home=place.folder / "evil", noted=False)
    place.put(place.folder / "evil/ledger.db")


def whole_with_another_key(place: Place) -> None:
    """All of it, by another key, which takes the place of the home's."""
    place.fill("yes, by carol", "healed", home=place.folder / "evil", noted=False)
    place.put(place.folder / "evil/ledger.db")
    shutil.copy(place.folder / "evil" / FILE, place.home / FILE)


def emptied(place: Place) -> None:
    """Nothing is left."""
    asyncio.run(opened(place.folder / "evil"))
    place.put(place.folder / "evil/ledger.db")


async def opened(home: Path) -> None:
    await (await Ledger.open(None, home)).close()


ATTACKS: list[tuple[Callable[[Place], None], str]] = [
    (cut, "the chain ends with entry 3, a note was kept of entry 4: the end was cut off"),
    (tail, "entry 4: it is not the entry that a note was kept of: the end was written anew, after entry 3"),
    (whole, "entry 2: it is not the entry that a note was kept of: the whole chain was written anew"),
    (whole_with_another_key, "the note of entry 2 is signed with no key of this chain"),
    (emptied, "the chain ends with entry 0, a note was kept of entry 2: the end was cut off"),
]


@pytest.mark.parametrize(("attack", "sentence"), ATTACKS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_changed_record_is_found(place: Place, attack: Callable[[Place], None], sentence: str) -> None:
    """Without the notes the chain looks whole; with them one sentence says what was done, and the exit code is 1."""
    attack(place)
    assert place.verify()[0] == 0
    code, said = place.verify("--checkpoint", place.notes)
    assert code == 1
    assert said.startswith(sentence)


def test_notes_that_the_attacker_adds_hide_nothing(place: Place) -> None:
    """Notes of the new chain, put behind the old ones, do not outvote them."""
    tail(place)
    place.fill("more")
    code, said = place.verify("--checkpoint", place.notes)
    assert (code, said.startswith("entry 4: it is not the entry that a note was kept of")) == (1, True)


def test_the_pinned_key_alone(place: Place) -> None:
    """A chain that begins with another key than the pinned one is found without any note, whoever it let in later."""
    whole_with_another_key(place)
    code, said = place.verify("--public-key", place.key)
    assert code == 1
    assert said.startswith(f"the chain begins with {LedgerKey.of(place.home).key_id}, not with the key that you gave")


def test_what_is_no_checkpoint_and_no_key(place: Place) -> None:
    """A wrong file is a wrong call, and so is a checkpoint for a pack."""
    for options in (
        ["--checkpoint", place.key],
        ["--checkpoint", place.folder / "missing"],
        ["--public-key", place.notes],
        ["--public-key", place.folder / "missing"],
        [place.key, "--checkpoint", place.notes],
    ):
        code, said = place.verify(*options)
        assert (code, said.startswith("retrust: ")) == (2, True), said


def test_a_pack_that_fails_is_said_once(place: Place) -> None:
    """One sentence on stdout, exit code 1, and nothing about keys."""
    (place.folder / "hostile.zip").write_bytes(b"PK\x05\x06")
    code, said = place.verify(place.folder / "hostile.zip")
    assert (code, said) == (1, "the archive cannot be read: File is not a zip file\n")


def test_another_homes_key_is_let_in(place: Place) -> None:
    """``audit join`` takes the hex digits that the refusal names, or a file; ``audit key`` names both keys."""
    other = LedgerKey.of(place.folder / "other")
    (place.folder / "other.pem").write_bytes(pem(other.public))
    for key, sentence in (
        (other.public_hex, "may sign this chain from now on"),
        (place.folder / "other.pem", "was a key of this chain already"),
    ):
        with pytest.raises(SystemExit) as end:
            run(["audit", "join", str(key)])
        assert (end.value.code, place.capsys.readouterr().err) == (0, f"{other.key_id} {sentence}\n")
    with pytest.raises(SystemExit):
        run(["audit", "key"])
    shown = place.capsys.readouterr()
    assert shown.out == place.key.read_text()
    assert shown.err == f"begun with: {LedgerKey.of(place.home).key_id}\njoined later: {other.key_id}\n"
    code, said = place.verify("--public-key", place.key, "--checkpoint", place.notes)
    assert (code, "up to entry 4 as the notes say" in said) == (0, True)
