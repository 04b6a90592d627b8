"""The durable, append-only record of cases, snapshots, plans, decisions, steps and outcomes.

It is the only truth about a case. ``Ledger.open`` gives all of it; ``glance`` gives what ``check`` needs
to read, without the database toolkit. This module stays light: SQLAlchemy is imported when a ledger is
opened, Alembic when its schema has to change. The chain is verified in ``retrust.audit``; the states
of a case are ``retrust.states``.

    journal    the chain: append, read, observers      database   engine, transactions, foreign errors
    cases      cases, decisions, digests, alarms       schema     migrations on opening
    work       snapshots, plans, steps                 derive     from an entry to the derived tables
    trust      sightings, baselines, identities        replay     the derived tables held against the entries
    leases     one run a site                          keys, anchors, canonical, place, records, errors, undisturbed
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
from retrust.ledger.glance import Glance, Knowledge, glance
from retrust.ledger.records import (
    AcceptedIdentity,
    Alarm,
    Case,
    DigestUse,
    Head,
    LeaseHolder,
    Moment,
    Phase,
    Sighted,
    SnapshotRecord,
    StepRecord,
)

if TYPE_CHECKING:
    from retrust.ledger.leases import Lease
    from retrust.ledger.ledger import Ledger

__all__ = [
    "AcceptedIdentity",
    "Alarm",
    "Case",
    "DecisionRefused",
    "DigestUse",
    "DigestUsed",
    "Entry",
    "Glance",
    "Head",
    "Knowledge",
    "Lease",
    "LeaseHolder",
    "LeaseLost",
    "Ledger",
    "LedgerError",
    "Moment",
    "NewerSchema",
    "NoSuchCase",
    "NotCurrent",
    "NotJoined",
    "Phase",
    "Sighted",
    "SiteLeased",
    "SnapshotRecord",
    "StepRecord",
    "StillSending",
    "glance",
]

__getattr__ = lazily(__name__, ledger="Ledger", leases="Lease")
