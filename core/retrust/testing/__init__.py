"""The testing kit, public like the hooks: real servers with scripted behaviour for the far side of things.

Each module holds one fake; its names are found here too, and are imported when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrust.testing.fakehost import FakeHost, Reply, host_key

__all__ = ["FakeHost", "Reply", "host_key"]

_MODULES = {"FakeHost": "fakehost", "Reply": "fakehost", "host_key": "fakehost"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
