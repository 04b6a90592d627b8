"""The operator driver: a person fills in the pages, and what they did is observed, never believed.

It stands where ``browser.Pages`` stands, with the same two methods. A person is told the exact fields,
secrets as their references; completion is what ``observe`` says of the relation. A tick is not asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic

from retrust.errors import PersonNeeded, TemporaryError
from retrust.models import Progress, Relation
from retrust.target import Follow, unfollowed
from retrust_plugins.cisco_prime.browser.asks import HaOutcome, HaRequest, IseRequest

POLL_SECONDS = 15.0


async def _nothing_before() -> None:
    """Where the caller has nothing to check before a person starts."""


class Operator:
    """Hands the work to a person and waits for its effect.

    ``sends`` are the fields as the plan shows them, secrets as references; without them they are told from
    the request, with secrets named but not shown. ``observe`` reads the relation that the work must heal.
    """

    def __init__(
        self,
        *,
        tell: Callable[[str], None],
        observe: Callable[[], Awaitable[Relation | None]],
        expiry: float = 4 * 3600.0,
        poll: float = POLL_SECONDS,
        sends: Iterable[str] = (),
        node: str = "primary",
        progress: Follow = unfollowed,
    ) -> None:
        self._tell = tell
        self._observe = observe
        self._expiry = expiry
        self._poll = poll
        self._sends = tuple(sends)
        self._node = node
        self._progress = progress

    async def register_ha(
        self, ask: HaRequest, *, before_send: Callable[[], Awaitable[None]] = _nothing_before
    ) -> HaOutcome:
        """Ask a person to register HA; returns once the mode is healthy."""
        mode = await self._handed_over("register HA", self._sends or ha_fields(ask), before_send)
        return HaOutcome(mode)

    async def add_ise(
        self, ask: IseRequest, *, before_send: Callable[[], Awaitable[None]] = _nothing_before
    ) -> Relation:
        """Ask a person to add an ISE server; returns once it is shown as healthy."""
        return await self._handed_over(f"add ISE server {ask.host}", self._sends or ise_fields(ask), before_send)

    async def _handed_over(
        self, what: str, fields: tuple[str, ...], before_send: Callable[[], Awaitable[None]]
    ) -> Relation:
        await before_send()
        self._tell(
            "\n".join(
                (
                    f"Please {what} on the pages of the {self._node}, within {_span(self._expiry)}:",
                    *(f"  {line}" for line in fields),
                )
            )
        )
        await self._progress(
            Progress(f"waits for a person to {what} on the pages of the {self._node}, within {_span(self._expiry)}")
        )
        end, last = monotonic() + self._expiry, "nothing"
        while True:
            relation, last = await self._look(last)
            if relation is not None and relation.healthy:
                return relation
            if monotonic() >= end:
                raise PersonNeeded(
                    f"nobody was seen to {what} within {_span(self._expiry)}; last seen: {last}",
                    where=self._node,
                    hint="do it on the pages, then run again",
                )
            await asyncio.sleep(min(self._poll, max(0.0, end - monotonic())))

    async def _look(self, last: str) -> tuple[Relation | None, str]:
        """The relation and how to quote it; a look that fails for the moment is repeated."""
        try:
            relation = await self._observe()
        except TemporaryError as exc:
            return None, str(exc)
        seen = repr(relation.status) if relation is not None and relation.status else "nothing"
        if seen != last:
            await self._progress(Progress(f"seen now: {seen}"))
        return relation, seen


def ha_fields(ask: HaRequest) -> tuple[str, ...]:
    """The documented steps with their values; the key is named, not shown."""
    virtual = [
        f"{label}: {value}"
        for label, value in (("IPV4 Virtual IP", ask.virtual_ipv4), ("IPV6 Virtual IP", ask.virtual_ipv6))
        if value
    ]
    return (
        "Administration > Settings > High Availability > HA Configuration",
        f"Secondary Server: {ask.secondary}",
        "Authentication Key: the one that was set when the secondary was installed",
        f"Email Address: {', '.join(ask.email)}",
        f"Failover Type: {ask.failover.capitalize()}",
        *(["Enable Virtual IP: yes", *virtual] if virtual else []),
        "Check Readiness",
        "Register",
    )


def ise_fields(ask: IseRequest) -> tuple[str, ...]:
    """The documented steps with their values; the password is named, not shown."""
    return (
        "Administration > Servers > ISE Servers > Select a command > Add ISE Server > Go",
        f"IP address: {ask.host}",
        f"Port: {ask.port}",
        f"User name: {ask.username}",
        f"Password: the one of {ask.username} on this ISE server",
        "Confirm password: the same",
        "Save",
    )


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
