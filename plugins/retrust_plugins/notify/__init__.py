"""Notifications through Apprise, on the ledger entries that each receiver of the inventory asks for.

``notifier`` is the observer, ``messages`` what it says. A notification that fails is logged, and changes nothing.
"""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_observers() -> list[str]:
    return ["retrust_plugins.notify.notifier:Notifier"]
