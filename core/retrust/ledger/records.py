"""What the ledger hands out beside its entries. The words of the domain itself are ``retrust.models``."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from pydantic import Field

from retrust.models import Frozen, Sighting
from retrust.states import FINAL, State

A_LOOK = "a look at the site"
"""What caused a case that no sighting caused."""

Phase = Literal["started", "sent", "done", "undecided", "skipped", "failed"]
Moment = Literal["before", "after", "drift"]


class Head(Frozen):
    """Where the chain ends."""

    seq: int
    hash: str


CASE_ID = r"\w[\w.-]*"
"""A regular expression for what ``case_name`` makes, and for the ids of older ledgers (``c7``)."""

_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")


def case_name(site: str, number: int) -> str:
    """``campus-3``: the site, with a dash for what an address or a file name does not take, and the number."""
    return f"{_NOT_IN_A_NAME.sub('-', site).lstrip('.-') or 'site'}-{number}"


class Case(Frozen):
    """The sightings of one site that are worked on together.

    ``requested_by`` caused it, ``planners`` are all who wrote its current plan: none of them may decide
    it. ``digest`` is of the current plan.
    """

    id: str
    site: str
    state: State
    first_entry: int = Field(default=0, exclude=True)
    """The number of the entry that opened it."""
    opened_at: datetime
    updated_at: datetime
    cause: str
    requested_by: str
    digest: str | None = None
    planners: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_open(self) -> bool:
        return self.state not in FINAL


class Sighted(Sighting):
    """``count`` sightings that say the same, from ``first_at`` to ``at``; ``text`` is the last one's."""

    first_at: datetime | None
    case: str | None = None
    dismissed: str | None = None
    dismissed_by: str | None = None


class StepRecord(Frozen):
    """One thing that was recorded of one step of a plan."""

    seq: int
    at: datetime
    run: str | None
    case: str
    digest: str
    step: str
    kind: str
    holder: str
    argument: str
    phase: Phase
    detail: str


class TimeTaken(Frozen):
    """When a step was begun and done; one that a second pass took up has a row for each beginning."""

    site: str
    kind: str
    argument: str
    begun_at: datetime
    done_at: datetime


class DigestUse(Frozen):
    digest: str
    case: str
    seq: int
    at: datetime


class SnapshotRecord(Frozen):
    """Which entry holds a snapshot; ``Ledger.snapshot(seq)`` reads it."""

    seq: int
    at: datetime
    case: str
    when: Moment


class Alarm(Frozen):
    seq: int
    at: datetime
    site: str | None
    case: str | None
    what: str
    detail: str


class AcceptedIdentity(Frozen):
    """A host key or web certificate that a person accepted in place of the inventory's."""

    site: str
    node: str
    kind: str
    fingerprint: str
    actor: str
    reason: str
    at: datetime


class LeaseOwner(Frozen):
    """Who holds, or held, a site's lease; ``place`` is host and process id."""

    owner: str
    place: str
    run: str | None
    what: str
    since: datetime
    expires_at: datetime
    token: int
