"""The core's own features come through the hooks, as a plugin's do."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from retrust.commands import Command
from retrust.engine.builtin import retrust_commands
from retrust.engine.loader import load_plugins
from retrust.errors import PluginError
from retrust.gates import Confirm
from retrust.hookspecs import hookimpl


@pytest.mark.parametrize("command", retrust_commands(), ids=lambda command: command.name)
def test_a_verb_leads_to_its_function(command: Command) -> None:
    """Imported only when the verb is used, so that a wrong name would show up late; its help is one short line."""
    module, _, name = command.load.partition(":")
    assert inspect.isfunction(getattr(import_module(module), name))
    assert 0 < len(command.help) < 80
    assert "\n" not in command.help


def test_the_core_alone_has_gates_and_verbs_only() -> None:
    """Targets, sources and all that knows a product are plugins, the distribution's own included."""
    loaded = {kind: names for kind, names in load_plugins(entry_points=False).load_all().items() if names}
    assert set(loaded) == {"gates", "commands"}
    assert set(loaded["gates"]) == {"confirm", "standard"}
    assert {plugin for names in loaded.values() for plugin in names.values()} == {"retrust"}


def test_a_plugin_takes_no_built_in_name() -> None:
    """A gate that calls itself as one of ours is refused, with both names."""

    class Theirs:
        @hookimpl
        def retrust_gates(self) -> list[Confirm]:
            return [Confirm()]

    with pytest.raises(PluginError, match="plugin theirs: retrust_gates registers 'confirm', which plugin retrust"):
        _ = load_plugins(extra={"theirs": Theirs()}, entry_points=False).gates
