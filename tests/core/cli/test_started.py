"""What a command uses is said: inventory, home, ledger, and a service that uses another home."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.terminal import SITE, retrust
from retrust.engine.home import home_folder, served_elsewhere, serving
from retrust.errors import PermanentError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "retrust.yaml").write_text(f"home: state{SITE}")
    (tmp_path / "known_hosts").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("RETRUST_HOME", raising=False)
    return tmp_path


def test_an_error_names_inventory_home_and_ledger(folder: Path) -> None:
    """Whoever reads an error sees which files it was about; the inventory names the home."""
    done = retrust(folder, "check", "lab2")
    state = folder / "state"
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "retrust: the inventory has no site 'lab2'",
        "  → did you mean lab1?",
        f"  used: inventory retrust.yaml, home {state}, ledger {state / 'ledger.db'}",
    ]


def test_json_has_one_document_even_for_an_error(folder: Path) -> None:
    """A program that reads stdout gets the error as an object, and its exit code."""
    done = retrust(folder, "cases", "--json", "--inventory", "missing.yaml")
    assert done.stdout.startswith('{\n  "error": {\n    "what": "there is no inventory missing.yaml')
    assert '"exit_code": 2' in done.stdout


def test_the_environment_outweighs_the_inventory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RETRUST_HOME, then the inventory's home."""
    assert home_folder(folder / "state") == folder / "state"
    monkeypatch.setenv("RETRUST_HOME", str(folder / "other"))
    assert home_folder(folder / "state") == folder / "other"


def test_a_command_in_another_home_than_the_service_s_says_so(folder: Path) -> None:
    """What it writes there the service does not see; once the service has ended there is nothing to say."""
    inventory = str(folder / "retrust.yaml")
    with serving(folder / "served", inventory):
        assert served_elsewhere(inventory, folder / "served") is None
        done = retrust(folder, "cases")
        assert f"the service of this inventory uses another home, {folder / 'served'}" in done.stderr
    assert served_elsewhere(inventory, folder / "state") is None
    assert "another home" not in retrust(folder, "cases").stderr


def test_a_second_service_on_one_home_is_refused(folder: Path) -> None:
    """Two services would each send; once the first has ended the home is free."""
    with (
        serving(folder / "served", None),
        pytest.raises(PermanentError, match="another `retrust serve`"),
        serving(folder / "served", None),
    ):
        pass
    with serving(folder / "served", None):
        pass
