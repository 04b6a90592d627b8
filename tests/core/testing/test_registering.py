"""A plugin's tests learn what Retrust finds in it, as it would at its start."""

from __future__ import annotations

import pytest

from kit.model import World, plugin
from retrust.errors import PluginError
from retrust.hookspecs import hookimpl
from retrust.testing.registering import registered


def test_only_the_plugins_own_objects_are_named() -> None:
    """By kind; those of the core are left out, and so is a kind of which it has none."""
    found = registered(plugin(World()))
    assert found["targets"] == ["model"]
    assert all(found.values())
    assert "gates" not in found


def test_what_retrust_would_not_start_with_is_an_error() -> None:
    """As at its start, the plugin is named."""

    class Broken:
        @hookimpl
        def retrust_targets(self) -> list[object]:
            return [object()]

    with pytest.raises(PluginError, match="under-test"):
        registered(Broken())
