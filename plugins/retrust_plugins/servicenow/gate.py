"""How a plan's change request stands: made once, then looked at; open when approved and scheduled.

It is found by its correlation before one is made, so that neither a crash after making it nor an answer that
was lost makes a second. Whatever goes wrong, the gate is shut, says what it needs, and is asked again.
"""

from __future__ import annotations

from datetime import UTC, datetime
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
            fields = new_request(settings, question.case, question.plan)
            found = await instance.find(
                correlation(question.case.id, question.plan.digest), lambda request: _is_ours(request, settings, fields)
            )
            return found or await instance.create(fields)


def _is_ours(request: ChangeRequest, settings: TicketSettings, fields: dict[str, str]) -> bool:
    """Whether we made it, for this very plan: a correlation alone can be written by whoever may write requests."""
    by_us = settings.username is None or request.creator.casefold() in ("", settings.username.casefold())
    return (
        by_us
        and request.short_description == fields["short_description"]
        and request.description.split() == fields["description"].split()
    )


def stands(request: ChangeRequest, settings: TicketSettings, label: str, now: datetime) -> GateState:
    """From a change request's fields to the gate's state; a value that is not known opens nothing."""
    if request.approval in settings.rejected:
        return GateState(gate=label, state="closed", needs=f"{request.number} was rejected")
    if request.state in settings.closed_states:
        return GateState(gate=label, state="closed", needs=f"{request.number} is over (state {request.state})")
    if request.approval in settings.approved and request.state in settings.open_states:
        return _scheduled(request, settings, label, now)
    return GateState(
        gate=label,
        state="shut",
        until=now + settings.poll,
        needs=f"{request.number} to be approved and scheduled in ServiceNow; its approval is "
        f"{request.approval!r}, its state {request.state}",
    )


def _scheduled(request: ChangeRequest, settings: TicketSettings, label: str, now: datetime) -> GateState:
    """An approved request opens within its planned time, where it has one, and while it is not on hold."""
    later = now + settings.poll
    if request.on_hold.casefold() not in ("", "false", "0"):
        return GateState(gate=label, state="shut", until=later, needs=f"{request.number} to be taken off hold")
    try:
        start, end = _time(request.start), _time(request.end)
    except ValueError:
        return GateState(
            gate=label, state="shut", until=later, needs=f"planned times of {request.number} that can be read"
        )
    if start is not None and now < start:
        return GateState(
            gate=label,
            state="shut",
            until=start,
            needs=f"the planned start of {request.number}, {start:%Y-%m-%d %H:%M} UTC",
        )
    if end is not None and now >= end:
        return GateState(
            gate=label,
            state="shut",
            until=later,
            needs=(f"a new planned time: that of {request.number} ended at {end:%Y-%m-%d %H:%M} UTC"),
        )
    return GateState(gate=label, state="open", until=end)


def _time(text: str) -> datetime | None:
    """As the table API gives it, in UTC; None where there is none."""
    return datetime.fromisoformat(text.strip()).replace(tzinfo=UTC) if text.strip() else None
