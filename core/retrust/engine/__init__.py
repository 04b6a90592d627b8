"""What a process works with: plugins, inventory, secrets, ledger, and the way to a site.

engine     the parts, wired                    loader     plugins, and a typed front to every hook
contracts  what each kind of object owes       builtin    the core's own features, through the hooks
home       where state lives
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.engine.engine import Engine
    from retrust.engine.loader import load_plugins

__all__ = ["Engine", "load_plugins"]

__getattr__ = lazily(
    __name__,
    engine="Engine",
    loader="load_plugins",
)
