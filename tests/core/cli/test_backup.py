"""A backup is whole, private and goes back into an empty home only."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kit.terminal import SITE, retrust
from retrust.ledger import Ledger


async def written(home: Path) -> None:
    async with await Ledger.open(None, home) as ledger:
        await ledger.open_case("lab1", cause="a log line", actor="service")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RETRUST_HOME", raising=False)
    (tmp_path / "old.yaml").write_text(f"home: old{SITE}")
    (tmp_path / "new.yaml").write_text(f"home: new{SITE}")
    (tmp_path / "old" / "prefect").mkdir(parents=True, mode=0o700)
    (tmp_path / "old").chmod(0o700)
    (tmp_path / "old" / "prefect" / "big").write_text("not the record")
    (tmp_path / "old" / "prefect" / "big").chmod(0o600)
    asyncio.run(written(tmp_path / "old"))
    return tmp_path


def test_what_was_saved_is_there_again(folder: Path) -> None:
    """Cases, chain and key are in the new home; Prefect's files are not, and nobody else can read the backup."""
    saved = retrust(folder, "backup", "saved.tar.gz", "--inventory", "old.yaml")
    assert saved.returncode == 0, saved.stderr
    assert (folder / "saved.tar.gz").stat().st_mode & 0o777 == 0o600
    back = retrust(folder, "restore", "saved.tar.gz", "--inventory", "new.yaml")
    assert back.returncode == 0, back.stderr
    assert "lab1-1" in retrust(folder, "cases", "--inventory", "new.yaml").stdout
    assert (folder / "new" / "ledger.key").read_bytes() == (folder / "old" / "ledger.key").read_bytes()
    assert not (folder / "new" / "prefect").exists()


def test_nothing_is_written_over(folder: Path) -> None:
    """Neither an older backup nor a home that is in use."""
    (folder / "saved.tar.gz").touch()
    assert "exists already" in retrust(folder, "backup", "saved.tar.gz", "--inventory", "old.yaml").stderr
    assert retrust(folder, "backup", "more.tar.gz", "--inventory", "old.yaml").returncode == 0
    refused = retrust(folder, "restore", "more.tar.gz", "--inventory", "old.yaml")
    assert (refused.returncode, "is not empty" in refused.stderr) == (2, True)


def test_half_a_backup_is_refused(folder: Path) -> None:
    """A file that was cut is said to be so."""
    assert retrust(folder, "backup", "saved.tar.gz", "--inventory", "old.yaml").returncode == 0
    whole = (folder / "saved.tar.gz").read_bytes()
    (folder / "saved.tar.gz").write_bytes(whole[: len(whole) // 2])
    refused = retrust(folder, "restore", "saved.tar.gz", "--inventory", "new.yaml")
    assert (refused.returncode, "not a whole backup" in refused.stderr) == (2, True)
