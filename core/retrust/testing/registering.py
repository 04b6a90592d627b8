"""What Retrust finds in a plugin, for the plugin's own tests: the same checks as when it starts."""

from __future__ import annotations

from retrust.engine.loader import load_plugins

UNDER_TEST = "under-test"


def registered(plugin: object) -> dict[str, list[str]]:
    """The names of a plugin's objects by kind, such as ``{"gates": ["my-site"]}``, beside those of Retrust's core.

    Raises ``PluginError`` where Retrust would refuse to start.
    """
    found = load_plugins(extra={UNDER_TEST: plugin}, entry_points=False).load_all()
    by_kind = {kind: [name for name, by in objects.items() if by == UNDER_TEST] for kind, objects in found.items()}
    return {kind: names for kind, names in by_kind.items() if names}
