"""The gate ``ticket``: a ServiceNow change request for each plan; and notes and evidence on it at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from retrust.hookspecs import hookimpl

if TYPE_CHECKING:
    from retrust.gates import Gate
    from retrust.observers import Observer


@hookimpl
def retrust_gates() -> Sequence[Gate[Any]]:
    from retrust_plugins.servicenow.gate import Ticket

    return [Ticket()]


@hookimpl
def retrust_observers() -> Sequence[Observer]:
    from retrust_plugins.servicenow.notes import TicketNotes

    return [TicketNotes()]
