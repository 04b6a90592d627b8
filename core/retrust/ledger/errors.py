"""What the ledger refuses, in the words of the error tree of ``retrust.errors``.

    TemporaryError
    ├── LedgerError        the database is locked, unreachable or full; nothing was acknowledged
    ├── LeaseLost          another run took the site over, or the lease ran out
    ├── StillSending       a run whose lease ran out may have a send under way
    └── LeaseHeld
        └── SiteLeased     says who holds it, where, since when
    PermanentError
    ├── NewerSchema        the ledger was written by a newer Retrust
    ├── DigestUsed         a digest is used once
    ├── NotCurrent         the plan that this is about is not the case's plan any more
    ├── NotJoined          this home's key is none of the ledger's
    └── DecisionRefused    no case, an old digest, a second vote
    PersonNeeded
    └── Stopped            a person or a rule ended the case while its steps were sent
    UsageError
    └── NoSuchCase

Foreign errors are translated in ``database`` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from retrust.errors import LeaseHeld, PermanentError, PersonNeeded, TemporaryError, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from retrust.ledger.records import LeaseOwner


class LedgerError(TemporaryError):
    """The ledger could not be read or written; what was asked for was not recorded."""


class LeaseLost(TemporaryError):
    """This run may not write to the site any more; ``token`` is the one that it held."""

    def __init__(self, site: str, token: int, why: str) -> None:
        super().__init__(
            f"this run lost its lease (token {token}): {why}",
            where=f"site {site}",
            hint="nothing more is sent; the next pass observes and goes on",
        )
        self.site = site
        self.token = token


class SiteLeased(LeaseHeld):
    """Another run holds the site; ``holder`` is who."""

    def __init__(self, site: str, holder: LeaseOwner) -> None:
        super().__init__(
            f"{holder.owner} ({holder.place}) works on this site since {holder.since:%Y-%m-%d %H:%M:%S} UTC: "
            f"{holder.what}",
            where=f"site {site}",
            hint=f"wait for it to end, or for its lease to run out at {holder.expires_at:%H:%M:%S} UTC if it died",
        )
        self.site = site
        self.holder = holder


class StillSending(TemporaryError):
    """A run that lost its lease began a step just now; until it is over, nobody else writes to the site."""

    def __init__(self, site: str, step: str, until: datetime) -> None:
        super().__init__(
            f"a run whose lease ran out may still be sending {step}; nothing was sent",
            where=f"site {site}",
            hint=f"run again after {until:%H:%M:%S} UTC: the target is observed then",
        )
        self.until = until


class Stopped(PersonNeeded):
    """The case is not one whose steps may be sent any more: somebody cancelled it, for one."""

    def __init__(self, case: str, state: str) -> None:
        super().__init__(
            f"the case is {state}: nothing more is sent",
            where=f"case {case}",
            hint=f"see what was done: retrust show {case}",
        )


class NewerSchema(PermanentError):
    """The ledger was written by a newer Retrust than this one."""

    def __init__(self, where: str, found: str, known: str) -> None:
        super().__init__(
            f"the ledger's schema is {found}, this Retrust knows {known} and older",
            where=where,
            hint="use the newer Retrust; nothing was changed",
        )
        self.found = found
        self.known = known


class NotJoined(PermanentError):
    """Nothing is signed with a key that no key of the chain let in."""

    def __init__(self, where: str, key_id: str, public_key: str) -> None:
        super().__init__(
            f"the key of this RETRUST_HOME, {key_id}, is none of this ledger's",
            where=where,
            hint=f"on a machine that writes to this ledger: retrust audit join {public_key}",
        )


class DigestUsed(PermanentError):
    """A digest is used once; ``case`` is the one that used it."""

    def __init__(self, digest: str, case: str, by: str) -> None:
        super().__init__(f"the digest {digest} was used by {by}", where=f"case {case}", hint="make a new plan")
        self.digest = digest
        self.case = by


class NotCurrent(PermanentError):
    """A digest that is not the one of the case's current plan."""

    def __init__(self, case: str, digest: str, current: str | None) -> None:
        super().__init__(
            f"the digest {digest} is not of the case's current plan ({current or 'none yet'})",
            where=f"case {case}",
            hint="look at the case again: its plan changed",
        )
        self.case = case
        self.digest = digest


class DecisionRefused(PermanentError):
    """A decision that the ledger does not take, whoever's it is; ``why`` is one word for it."""

    def __init__(self, case: str, why: Literal["final", "used", "twice"], what: str) -> None:
        super().__init__(what, where=f"case {case}")
        self.case = case
        self.why = why


class NoSuchCase(UsageError):
    """``known`` are the cases there are, the newest first: one that is nearly what was typed is named."""

    def __init__(self, case: str, known: Sequence[str] = ()) -> None:
        meant = [k for k in known if k.casefold() == case.casefold() or k.endswith(f"-{case}") or k == f"c{case}"]
        meant = meant[:3] or get_close_matches(case, known, 1)
        hint = "`retrust cases` lists them" + (f"; did you mean {' or '.join(meant)}?" if meant else "")
        super().__init__(f"no case {case}", hint=hint)
        self.case = case
