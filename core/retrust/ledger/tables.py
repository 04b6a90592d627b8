"""The tables: the chain, its head, and what is derived from it.

``entries`` is the record. Every table in ``DERIVED`` could be dropped and written again from it
(``replay``); they exist so that reading a case does not mean reading its whole story. Times are texts
(``canonical.written_time``): the bytes that were hashed are the bytes that are stored, on any database.
Alembic's migrations make these tables; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, text

from retrust.states import OPEN_STATES

metadata = MetaData()

# SQLite makes only an INTEGER primary key its row id; PostgreSQL's INTEGER would end at two billion.
Seq = BigInteger().with_variant(Integer(), "sqlite")

entries = Table(
    "entries",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("run", Text),
    Column("case_id", Text),
    Column("site", Text),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("entries_case", "case_id", "seq"),
    Index("entries_site", "site", "seq"),
    Index("entries_kind", "kind", "seq"),
)

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Seq, nullable=False),
    Column("hash", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("public_key", Text, nullable=False),
    Column("seq", Seq, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", Seq, nullable=False),
    Column("site", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("digest", Text),
    Column("planners", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index("cases_seq", "seq"),
    Index("cases_site", "site", "seq"),
    Index("cases_state", "state", "seq"),
)
_is_open = text("state IN ({})".format(", ".join(f"'{state}'" for state in OPEN_STATES)))
Index("cases_one_open", cases.c.site, unique=True, sqlite_where=_is_open, postgresql_where=_is_open)

sightings = Table(
    "sightings",
    metadata,
    Column("aggregate", Text, primary_key=True),
    Column("case_id", Text, primary_key=True),  # "" until a case takes it up: NULL would not be unique
    Column("kind", Text, nullable=False),
    Column("site", Text),
    Column("holder", Text),
    Column("key", Text),
    Column("host", Text),
    Column("port", Integer),
    Column("dn", Text),
    Column("role", Text),
    Column("fingerprint", Text),
    Column("count", Seq, nullable=False),
    Column("first_at", Text),  # NULL where none of them tells a time
    Column("last_at", Text),
    Column("received_at", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("dismissed", Text),  # why a person said that it was wrong
    Column("dismissed_by", Text),
    Index("sightings_site", "site", "last_at"),
    Index("sightings_case", "case_id"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("case_id", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("moment", Text, nullable=False),
    Index("snapshots_case", "case_id", "seq"),
)

plans = Table(
    "plans",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("seq", Seq, nullable=False),
    Column("planners", Text, nullable=False),
    Index("plans_digest", "digest"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("gate", Text, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("seq", Seq, nullable=False),
)

digests = Table(
    "digests",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("case_id", Text, nullable=False),
    Column("seq", Seq, nullable=False),
    Column("at", Text, nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("run", Text),
    Column("case_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("argument", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("steps_case", "case_id", "seq"),
)

heals = Table(
    "heals",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("edge", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("at", Text, nullable=False),
    Index("heals_edge", "site", "edge", "at"),
)

baselines = Table(
    "baselines",
    metadata,
    Column("site", Text, primary_key=True),
    Column("holder", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("key_fingerprint", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("verified_at", Text, nullable=False),
    Column("grade", Text, nullable=False),
)

alarms = Table(
    "alarms",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("site", Text),
    Column("case_id", Text),
    Column("what", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("alarms_site", "site", "seq"),
)

leases = Table(
    "leases",
    metadata,
    Column("site", Text, primary_key=True),
    Column("token", Seq, nullable=False),
    Column("owner", Text, nullable=False),
    Column("place", Text, nullable=False),  # canonical JSON of a ``process.Process``
    Column("run", Text),
    Column("what", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("site", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Text, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("home", Text, primary_key=True),  # several may share a ledger, and each follows its own machine's files
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Where sources go on, written with what they delivered: no entry, and not derived from any."""

attachments = Table(
    "attachments",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("seq", Seq, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("path", Text, nullable=False),
)

DERIVED = (
    keys,
    cases,
    sightings,
    snapshots,
    plans,
    decisions,
    digests,
    steps,
    heals,
    baselines,
    alarms,
    leases,
    identities,
    attachments,
)

VOLATILE = {("leases", "expires_at")}
"""What changes without an entry: a lease is renewed every few seconds, which is no story to tell."""
