"""The durable, append-only record of cases, snapshots, plans, decisions, steps and outcomes.

It is the only truth about a case. ``Ledger.open`` gives all of it; ``read_only`` gives what ``check`` needs
to read, without the database toolkit. This module stays light: SQLAlchemy is imported when a ledger is
opened, Alembic when its schema has to change. The chain is verified in ``retrust.audit``; the states
of a case are ``retrust.states``.

    journal    the chain: append, read, observers      database   engine, transactions, foreign errors
    cases      cases, decisions, digests, alarms       schema     migrations on opening
    work       snapshots, plans, steps                 derive     from an entry to the derived tables
    sightings  sightings, baselines, identities        replay     the derived tables held against the entries
    leases     one run a site                          positions  where sources go on
    keys, anchors, canonical, process, records, errors, undisturbed
    writing    one transaction of the chain
    entries    every kind, in one table; public       entry      a body as stored text, and back
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily
from retrust.ledger.entry import Entry
from retrust.ledger.errors import (
    DecisionRefused,
    DigestUsed,
    LeaseLost,
    LedgerError,
    NewerSchema,
    NoSuchCase,
    NotCurrent,
    NotJoined,
    SiteLeased,
    StillSending,
)
from retrust.ledger.read_only import Knowledge, ReadOnlyLedger, read_only
from retrust.ledger.records import (
    CASE_ID,
    AcceptedIdentity,
    Alarm,
    Case,
    DigestUse,
    Head,
    LeaseOwner,
    Moment,
    Phase,
    Sighted,
    SnapshotRecord,
    StepRecord,
    TimeTaken,
)

if TYPE_CHECKING:
    from retrust.ledger.database import is_local, with_password
    from retrust.ledger.leases import Lease
    from retrust.ledger.ledger import Ledger
    from retrust.ledger.witness import FileWitness

__all__ = [
    "CASE_ID",
    "AcceptedIdentity",
    "Alarm",
    "Case",
    "DecisionRefused",
    "DigestUse",
    "DigestUsed",
    "Entry",
    "FileWitness",
    "Head",
    "Knowledge",
    "Lease",
    "LeaseLost",
    "LeaseOwner",
    "Ledger",
    "LedgerError",
    "Moment",
    "NewerSchema",
    "NoSuchCase",
    "NotCurrent",
    "NotJoined",
    "Phase",
    "ReadOnlyLedger",
    "Sighted",
    "SiteLeased",
    "SnapshotRecord",
    "StepRecord",
    "StillSending",
    "TimeTaken",
    "is_local",
    "read_only",
    "with_password",
]

__getattr__ = lazily(
    __name__, ledger="Ledger", leases="Lease", witness="FileWitness", database="is_local with_password"
)
