"""The reads that ``check`` needs, as SQL text, and how their rows become models.

They stand apart from the tables' SQLAlchemy definitions because ``read_only`` runs them with the standard
library alone, and the ledger with SQLAlchemy: the same text serves both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from retrust.ledger.entries import Looked, Planned
from retrust.ledger.entry import read
from retrust.ledger.records import AcceptedIdentity, Sighted
from retrust.models import Baseline, Endpoint, Frozen, Snapshot, Unpinned, edge_of
from retrust.states import FINAL

Row = Mapping[str, Any]
M = TypeVar("M", bound=Frozen)

FILE = "ledger.db"
"""A ledger's name in its home, where no address is given."""

SCHEMA = "0004"
"""The newest migration. Kept here so that opening a current ledger does not import Alembic."""

SCHEMA_VERSION = "SELECT version_num FROM ledger_version"

BASELINES = """
SELECT site, holder, key, fingerprint, key_fingerprint, subject, verified_at, grade
FROM baselines WHERE site = :site ORDER BY holder, key
"""

# What a healed case was about is past; what any other case was about may still be so.
SIGHTINGS = """
SELECT s.*, c.state FROM sightings s LEFT JOIN cases c ON c.id = s.case_id
WHERE (s.last_at IS NULL OR s.last_at >= :since) AND (c.state IS NULL OR c.state <> 'healed')
AND s.dismissed IS {wanted} {of_site}
ORDER BY coalesce(s.last_at, ''), s.aggregate
"""
_OF_SITE = "AND (s.site = :site OR s.site IS NULL)"
SIGHTINGS_OF_ALL = SIGHTINGS.format(wanted="NULL", of_site="")
SIGHTINGS_OF_SITE = SIGHTINGS.format(wanted="NULL", of_site=_OF_SITE)
LOOSE = SIGHTINGS.format(wanted="NULL", of_site="AND s.site IS NULL")
DISMISSED = SIGHTINGS.format(wanted="NOT NULL", of_site=_OF_SITE)

IDENTITIES = """
SELECT site, node, kind, fingerprint, actor, reason, at
FROM identities WHERE site = :site ORDER BY node, kind
"""

HEALS = """
SELECT count(DISTINCT case_id) AS heals FROM heals WHERE site = :site AND edge = :edge AND at >= :since
"""

# What a check saw of a site, kept where it said something new.
LOOKED = "SELECT body FROM entries WHERE site = :site AND kind = 'looked' ORDER BY seq DESC LIMIT 1"


# Deletes that an open case has sent, each with the plan that approved it.
UNPINNED = f"""
SELECT s.holder, s.argument, s.at, e.body FROM steps s
JOIN cases c ON c.id = s.case_id
JOIN plans p ON p.case_id = s.case_id AND p.digest = s.digest
JOIN entries e ON e.seq = p.seq
WHERE c.site = :site AND c.state NOT IN ({", ".join(f"'{state.value}'" for state in sorted(FINAL))})
AND s.kind = 'delete-pin' AND s.phase = 'sent' ORDER BY s.seq
"""  # noqa: S608 - the states are our own words


def made(model: type[M], row: Row, **more: Any) -> M:
    """The model of a row whose columns have its fields' names; ``more`` are those that have not."""
    named = {
        name: row["case_id" if name == "case" else name]
        for name in model.model_fields
        if name not in more and (name in row or name == "case")
    }
    return model(**named, **more)


def looked(row: Row) -> Snapshot:
    body = read("looked", row["body"])
    assert isinstance(body, Looked)
    return body.snapshot


def baseline(row: Row) -> Baseline:
    return made(Baseline, row)


def identity(row: Row) -> AcceptedIdentity:
    return made(AcceptedIdentity, row)


def sighted(row: Row) -> Sighted:
    endpoint = Endpoint(host=row["host"], port=row["port"]) if row["host"] else None
    return made(Sighted, row, id=row["aggregate"], endpoint=endpoint, at=row["last_at"], case=row["case_id"] or None)


def unpinned(rows: Iterable[Row]) -> dict[str, Unpinned]:
    """By edge: when its delete was last sent, and the certificate that its plan expects there."""
    found = {}
    for row in rows:
        planned, of = read("planned", row["body"]), edge_of(row["holder"], row["argument"])
        assert isinstance(planned, Planned)
        for step in planned.plan.steps:
            if step.unpins and of in step.expected:
                found[of] = Unpinned(at=row["at"], fingerprint=step.expected[of])
    return found
