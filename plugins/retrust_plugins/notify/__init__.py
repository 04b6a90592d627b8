"""Notifications through Apprise, on the ledger entries that each receiver of the inventory asks for.

``notifier`` is the observer, ``messages`` what it says. A notification that fails is logged, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.observers import Observer


@hookimpl
def retrust_observers() -> Sequence[Observer]:
    from retrust_plugins.notify.notifier import Notifier

    return [Notifier()]
