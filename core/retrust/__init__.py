"""Retrust re-establishes trust after a certificate changed, and never accepts an interception for a renewal."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def lazily(package: str, **homes: str) -> Callable[[str], Any]:
    """A package's ``__getattr__`` (PEP 562): its public names, by module, each imported when it is first used."""
    home = {name: module for module, names in homes.items() for name in names.split()}

    def found(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    return found
