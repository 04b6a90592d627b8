"""The gate ``ticket``: a ServiceNow change request for each plan; and notes and evidence on it at the end."""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_gates() -> list[str]:
    return ["retrust_plugins.servicenow.gate:Ticket"]


@hookimpl
def retrust_observers() -> list[str]:
    return ["retrust_plugins.servicenow.notes:TicketNotes"]
