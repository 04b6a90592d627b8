"""The scaffold is a plugin that works as it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from retrust.cli.scaffold import write_scaffold
from retrust.errors import UsageError


def test_its_own_tests_pass(tmp_path: Path) -> None:
    """The gate and the target that `retrust plugins new` writes pass the tests that it writes, conformance included."""
    home = write_scaffold("my-site", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "23 passed" in done.stdout


@pytest.mark.parametrize("name", ["My-Site", "a b", "../x", "", "-x", "x-"])
def test_a_name_that_cannot_be_a_package_is_refused(tmp_path: Path, name: str) -> None:
    """A name is lower-case words and dashes; anything else writes nothing."""
    with pytest.raises(UsageError, match="is no plugin name"):
        write_scaffold(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder that exists is left as it is."""
    write_scaffold("my-site", tmp_path)
    with pytest.raises(UsageError, match="exists already"):
        write_scaffold("my-site", tmp_path)
