"""`plugins list` and `plugins new`."""

from __future__ import annotations

import json
from pathlib import Path

from kit.terminal import typed


def test_the_list_says_what_each_plugin_provides(here: Path) -> None:
    """Every hook is asked; no inventory is needed."""
    (here / "retrust.yaml").unlink()
    done = typed("plugins", "list", "--json")
    listed = {plugin["plugin"]: plugin for plugin in json.loads(done.stdout)}
    assert (done.exit_code, listed["openssh"]["provides"]["targets"]) == (0, ["openssh"])
    assert all(plugin["from"] for plugin in listed.values())
    assert all(names for plugin in listed.values() for names in plugin["provides"].values())


def test_people_read_the_same_list(here: Path) -> None:
    """One line for each kind of object, below the plugin's name and where it comes from."""
    lines = typed("plugins", "list").stdout.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("openssh  "))
    assert "  targets: openssh" in lines[place + 1 :]


def test_a_new_plugin_is_said_with_the_next_command(here: Path) -> None:
    """A folder's name that a shell would break up is quoted."""
    done = typed("plugins", "new", "my-rack", "--folder", "two words")
    assert done.exit_code == 0, done.output
    assert (here / "two words" / "my-rack" / "pyproject.toml").exists()
    assert "cd 'two words/my-rack' && pip install -e ." in done.stderr


def test_a_name_that_a_plugin_has_is_not_taken(here: Path) -> None:
    """Nothing is written, and the reason is said."""
    done = typed("plugins", "new", "openssh")
    assert (done.exit_code, "of this name already" in done.stderr) == (2, True)
    assert not (here / "openssh").exists()
