"""The scaffold is a plugin that works as it is written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from retrust.cli.plugins import new
from retrust.cli.scaffold import FILES, write_scaffold
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
    assert "26 passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "why"),
    [(name, "it must be lower-case words and dashes") for name in ("My-Site", "a b", "../x", "", "-x", "x-", "1a")]
    + [(name, "it is a word of the Python language") for name in ("class", "async")]
    + [(name, "there is a Python module") for name in ("json", "retrust-flows", "pytest", "winreg")]
    + [("tests", "the folder of its tests has this name")]
    + [
        (name, "Retrust has a plugin, a gate or a target of this name already")
        for name in ("retrust", "people", "files", "confirm", "ticket", "openssh")
    ],
)
def test_a_name_that_is_no_plugins_is_refused(tmp_path: Path, name: str, why: str) -> None:
    """The command says why, and writes nothing."""
    with pytest.raises(UsageError, match=f"^'{name}' is no plugin name: {why}"):
        new(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_how_to_try_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it prints can be typed where it was called."""
    new("my-site", tmp_path / "a folder")
    home = tmp_path / "a folder" / "my-site"
    assert capsys.readouterr().err == f"wrote {home}; try it: cd '{home}' && pip install -e . && pytest\n"


def test_it_imports_only_what_is_public() -> None:
    """Each module of Retrust that the scaffold imports is in the guide's table, or of the testing kit."""
    page = (Path(__file__).parents[3] / "docs/plugins.md").read_text()
    found = {
        m for file in FILES.rglob("*.txt") for m in re.findall(r"^(?:from|import) (retrust\S*)", file.read_text(), re.M)
    }
    assert len(found) > 5
    assert {m for m in found if f"| `{m}` |" not in page and not m.startswith("retrust.testing.")} == set()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder that exists is left as it is."""
    write_scaffold("my-site", tmp_path)
    with pytest.raises(UsageError, match="exists already"):
        write_scaffold("my-site", tmp_path)
