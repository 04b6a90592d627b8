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
