"""The holder's next connection pins whatever it meets: who answers there, before it, at it, and for a while after.

Where another certificate than the approved one is seen, the caller raises the alarm. What the holder pinned cannot be
read on every target; an interceptor that has come to stay is seen by looks at moments that it cannot know.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from retrust.errors import Refused, RetrustError, TemporaryError
from retrust.inventory.fields import format_duration
from retrust.models import Endpoint, Finding, Pin, Presented, Progress
from retrust.target import Connection, Follow, Place
from retrust.trust.looks import Look, Looks

LOOKS = 3
"""How often it is looked after the first use, each at a random moment."""


async def another_certificate(
    finding: Finding, approved: str, place: Place, connection: Connection, say: Callable[[str], None]
) -> Refused | None:
    """The alarm to raise where anybody is shown another certificate than the approved one, now."""
    assert finding.endpoint is not None
    seen = ("this machine", await Looks.at(place, connection).from_here(finding.endpoint))
    through = await _through(finding.pin.holder, finding.endpoint, Looks.at(place, connection))
    for looker, found in (seen, *through):
        if not isinstance(found, Presented):
            say(f"{looker} sees no certificate at {finding.endpoint}: {found}")
        elif found.fingerprint != approved:
            return Refused(
                f"{finding.endpoint} presents {found.fingerprint} to {looker.rstrip(',')}, approved was {approved}",
                where=finding.pin.edge,
                hint="nothing more was written; it may be an interception",
            )
    return None


async def _through(holder: str, endpoint: Endpoint, eyes: Looks) -> list[Look]:
    try:
        first: Look = (holder, await eyes.through(holder, endpoint))
    except RetrustError as exc:
        first = (holder, exc)
    return [first, *await eyes.otherwise_through(holder, endpoint)]


async def watch(
    findings: Sequence[Finding],
    locate: Callable[[Pin], Place],
    connection: Connection,
    duration: timedelta,
    follow: Follow,
) -> Refused | None:
    """Look again at random moments within ``duration``; the first alarm. Whoever does not answer now raises none."""
    edges = ", ".join(finding.pin.edge for finding in findings)
    await follow(Progress(f"the path of {edges} is watched for {format_duration(duration)}"))
    async for _ in random_moments(duration):
        for finding in findings:
            assert finding.presented is not None, "what is planned was seen"
            with suppress(TemporaryError):
                if alarm := await another_certificate(
                    finding, finding.presented.fingerprint, locate(finding.pin), connection, lambda _: None
                ):
                    return alarm
    return None


async def random_moments(duration: timedelta) -> AsyncIterator[None]:
    """A few moments within ``duration`` from now that nobody can know beforehand."""
    chance, now = secrets.SystemRandom(), 0.0
    for moment in sorted(chance.uniform(0, duration.total_seconds()) for _ in range(LOOKS)):
        await asyncio.sleep(moment - now)
        now = moment
        yield
