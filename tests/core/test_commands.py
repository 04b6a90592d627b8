"""A plugin's verb: told by `--help`, imported when it is called."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from retrust.cli.app import build
from retrust.commands import Command
from retrust.engine.loader import load_plugins
from retrust.errors import PluginError
from retrust.hookspecs import hookimpl

MODULE = "verbs_of_this_test"


@pytest.fixture
def verbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module that can be imported, with one verb."""
    (tmp_path / f"{MODULE}.py").write_text("async def greet(name: str) -> None:\n    print(f'hello {name}')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop(MODULE, None)


def typed(*words: str, load: str = f"{MODULE}:greet") -> Result:
    """`retrust WORDS`, where a plugin adds a verb in a group and one beside the groups."""
    plugin = types.ModuleType("theirs")
    commands = [Command("site greet", "Says hello.", load), Command("hail", "Says hello, too.", load)]
    plugin.retrust_commands = hookimpl(lambda: commands)  # type: ignore[attr-defined]
    plugin.retrust_commands.__name__ = "retrust_commands"
    plugins = load_plugins(extra={"theirs": plugin}, entry_points=False)
    return CliRunner().invoke(build(plugins, words), list(words))


def test_help_tells_the_verb_and_imports_nothing(verbs: None) -> None:
    """In its group, with its own words; a plugin's weight is paid by those who use it."""
    told = typed("site", "--help")
    assert (told.exit_code, "Says hello." in told.output) == (0, True)
    assert "Says hello, too." in typed("--help").output
    assert MODULE not in sys.modules


@pytest.mark.parametrize("words", [("site", "greet"), ("hail",)])
def test_a_verb_runs_with_its_arguments(verbs: None, words: tuple[str, ...]) -> None:
    """A name with a blank is a verb of a group; an async function is run to its end."""
    done = typed(*words, "ann")
    assert (done.exit_code, done.output) == (0, "hello ann\n")
    assert typed(*words).exit_code == 2


def test_a_verb_that_cannot_be_imported_hinders_no_other(verbs: None) -> None:
    """It is named with its plugin when it is called, and not before."""
    assert typed("--help", load="no_such_module:greet").exit_code == 0
    with pytest.raises(PluginError, match=r"^plugin theirs: the verb `hail` names 'no_such_module:greet': "):
        typed("hail", "ann", load="no_such_module:greet")
