"""How a plan's change request stands: made once, then looked at; open when approved and scheduled.

It is found by its correlation before one is made, so that neither a crash after making it nor an answer that
was lost makes a second. Whatever goes wrong, the gate is shut, says what it needs, and is asked again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from retrust.errors import PermanentError, RetrustError
from retrust.gates import Gate, Question
from retrust.models import GateState
from retrust_plugins.servicenow.client import Busy, ChangeRequest, Refusals, reach
from retrust_plugins.servicenow.settings import TicketSettings
from retrust_plugins.servicenow.text import correlation, new_request


class Ticket(Gate[TicketSettings]):
    """People approve it in ServiceNow, so it approves, and no decision of ours opens it."""

    name = "ticket"
    settings_model = TicketSettings
    approves = True

    def __init__(self) -> None:
        self._refusals = Refusals()
        self._busy_until: dict[str, datetime] = {}

    async def state(self, question: Question[TicketSettings]) -> GateState:
        settings = question.settings
        label, now = question.requirement.label, question.now
        rest = self._busy_until.get(settings.url)
        if rest is not None and now < rest:
            return GateState(gate=label, state="shut", until=rest, needs=f"{settings.url} asked to wait")
        try:
            request = await self._request(question, settings)
        except Busy as exc:
            self._busy_until[settings.url] = now + exc.wait
            return GateState(gate=label, state="shut", until=now + exc.wait, needs=str(exc))
        except RetrustError as exc:
            later = None if isinstance(exc, PermanentError) else now + settings.poll
            return GateState(gate=label, state="shut", until=later, needs=f"ServiceNow: {exc}")
        return stands(request, settings, label, now)

    async def _request(self, question: Question[Any], settings: TicketSettings) -> ChangeRequest:
        if question.secrets is None:
            raise PermanentError("no secrets may be read here, so the instance cannot be asked")
        async with reach(settings, question.secrets, self._refusals) as instance:
            found = await instance.find(correlation(question.case.id, question.plan.digest))
            return found or await instance.create(new_request(settings, question.case, question.plan))


def stands(request: ChangeRequest, settings: TicketSettings, label: str, now: datetime) -> GateState:
    """From a change request's fields to the gate's state; a value that is not known opens nothing."""
    if request.approval == "rejected":
        return GateState(gate=label, state="closed", needs=f"{request.number} was rejected")
    if request.state in settings.closed_states:
        return GateState(gate=label, state="closed",
                         needs=f"{request.number} is over (state {request.state})")
    if request.approval == "approved" and request.state in settings.open_states:
        return GateState(gate=label, state="open")
    return GateState(gate=label, state="shut", until=now + settings.poll,
                     needs=f"{request.number} to be approved and scheduled in ServiceNow; its approval is "
                           f"{request.approval!r}, its state {request.state}")
