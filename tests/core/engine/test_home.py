"""The home belongs to one user alone."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from retrust.engine.home import keep_private
from retrust.errors import UsageError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    (folder / "ledger.db").write_bytes(b"")
    return folder


def test_a_home_that_others_can_read_is_closed(home: Path) -> None:
    """Folder and files are readable by their owner only, whatever an older version left."""
    home.chmod(0o755)
    (home / "ledger.db").chmod(0o644)
    keep_private(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "ledger.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", [".", "ledger.db"])
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_home_that_others_can_write_is_refused(home: Path, name: str, mode: int) -> None:
    """The error names the place and the remedy, and changes nothing."""
    path = home / name
    path.chmod(mode)
    with pytest.raises(UsageError, match="others can write") as caught:
        keep_private(home)
    assert caught.value.where == str(path)
    assert "chmod" in (caught.value.hint or "")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_what_a_command_writes_is_its_users_alone(tmp_path: Path) -> None:
    """The inventory that ``init`` writes is readable by its owner only, whatever the umask was."""
    retrust = str(Path(sys.executable).with_name("retrust"))
    subprocess.run(
        ["/bin/sh", "-c", 'umask 0; exec "$@"', "sh", retrust, "init"], cwd=tmp_path, check=True, capture_output=True
    )
    assert stat.S_IMODE((tmp_path / "retrust.yaml").stat().st_mode) == 0o600
