"""After each commit the head is handed, as a signed note, to whoever keeps it in another place."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.inventory import Inventory, LedgerSettings
from retrust.ledger import Ledger, journal
from retrust.ledger.keys import LedgerKey
from retrust.ledger.notes import notes_in
from retrust.ledger.witness import FileWitness
from retrust.observers import Observer
from retrust.secrets.redaction import Redactor
from retrust.testing.ledgers import noticed

FILE = "retrust.ledger.witness:FileWitness"


async def test_each_commit_is_noted(ledger: Ledger, tmp_path: Path) -> None:
    """One note for each commit, of its head, signed with the home's key; the file is its owner's alone."""
    path = tmp_path / "notes"
    ledger.witnesses.append(FileWitness(path))
    heads = []
    for number in range(3):
        await ledger.append(noticed(number), actor="x")
        heads.append(await ledger.head())
    notes = notes_in(path.read_bytes())
    assert [note.head for note in notes] == heads
    assert all(note.is_signed_by([ledger.signing_key().public]) for note in notes)
    assert not notes[0].is_signed_by([LedgerKey.of(tmp_path / "other").public])
    assert path.stat().st_mode & 0o777 == 0o600


async def test_what_was_kept_is_never_written_again(ledger: Ledger, tmp_path: Path) -> None:
    """The file only grows, and may be a log that the system itself lets only grow."""
    path = tmp_path / "notes"
    path.write_bytes(b"as it was\n")
    ledger.witnesses.append(FileWitness(path))
    kept = path.read_bytes()
    for number in range(3):
        await ledger.append(noticed(number), actor="x")
        assert path.read_bytes().startswith(kept)
        kept = path.read_bytes()


async def test_many_tasks_at_once(ledger: Ledger, tmp_path: Path) -> None:
    """They share commits, each of which has its whole note; an entry is acknowledged when one covers it."""
    path, covered = tmp_path / "notes", list[bool]()
    ledger.witnesses.append(FileWitness(path))

    async def write(number: int) -> None:
        entry = await ledger.append(noticed(number), actor="x")
        covered.append(notes_in(path.read_bytes())[-1].head.seq >= entry.seq)

    await asyncio.gather(*(write(n) for n in range(20)))
    await write(20)
    heads = [note.head.seq for note in notes_in(path.read_bytes())]
    assert covered == [True] * 21
    assert heads == sorted(set(heads))
    assert heads[-1] == 22
    assert len(heads) < 21


async def test_a_witness_that_fails(ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It stops nobody, and is said in the log and in an alarm, once until it works again."""
    folder = tmp_path / "elsewhere"
    ledger.witnesses.append(FileWitness(folder / "notes"))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await ledger.append(noticed(), actor="x")
        folder.mkdir()
        await ledger.append(noticed(), actor="x")
        (folder / "notes").rename(folder / "kept")
        (folder / "notes").mkdir()
        await ledger.append(noticed(), actor="x")
    said = f"the witness {FILE} did not take the head at entry 2: {folder / 'notes'}: No such file or directory"
    again = f"the witness {FILE} did not take the head at entry 7: {folder / 'notes'}: Is a directory"
    assert [alarm.detail for alarm in await ledger.alarms()] == [again, said]
    assert [record.getMessage() for record in caplog.records] == [said, again]
    assert [note.head.seq for note in notes_in((folder / "kept").read_bytes())] == [6]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
async def test_a_witness_that_hangs(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for once; while it hangs, nobody waits again, and no further thread does."""
    monkeypatch.setattr(journal, "OBSERVER_LIMIT", 0.05)
    path = tmp_path / "notes"
    os.mkfifo(path)
    ledger.witnesses.append(FileWitness(path))
    try:
        for _ in range(30):
            await ledger.append(noticed(), actor="x")
        assert [alarm.detail for alarm in await ledger.alarms()] == [
            f"the witness {FILE} did not take the head at entry 2: it does not answer"
        ]
    finally:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


class Keeper(Observer):
    name = "keeper"

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def told(self, entry: object) -> None: ...

    async def noted(self, note: str) -> None:
        self.notes.append(note)


class Silent(Observer):
    name = "silent"

    async def told(self, entry: object) -> None: ...


async def test_the_inventorys_file_and_plugins_observers(tmp_path: Path) -> None:
    """A ledger that the engine opens hands its notes to ``ledger.witness`` and to observers that want them."""
    keeper, path = Keeper(), tmp_path / "notes"
    plugins = load_plugins(entry_points=False)
    plugins.observers.update({"keeper": keeper, "silent": Silent()})
    inventory = Inventory(sites={}, ledger=LedgerSettings(witness=path))
    engine = Engine(plugins, inventory, tmp_path / "home", Redactor())
    async with await engine.open_ledger() as ledger:
        await ledger.append(noticed(), actor="x")
        assert len(ledger.witnesses) == 2
    assert "".join(f"\n{note}" for note in keeper.notes).encode() == path.read_bytes()
    assert len(keeper.notes) == 1
