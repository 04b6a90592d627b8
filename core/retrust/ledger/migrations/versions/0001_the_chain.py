"""The chain, its head, and the first derived tables.

Frozen: it says what schema 0001 was, and does not follow ``tables``; a change there is a new migration.
``entries`` takes no change and no removal: the database itself refuses both. Whoever goes around it
(the file, a superuser) is found by the hashes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NO_ENTRY = "0" * 64
OPEN = "state IN ('open', 'planned', 'waiting', 'approved', 'executing', 'verifying', 'failed')"


def upgrade() -> None:
    the_chain()
    cases_and_work()
    trust()
    append_only()


def text(name: str, *, null: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null, primary_key=key)


def seq(name: str = "seq", *, key: bool = False) -> sa.Column[int]:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, big, nullable=False, primary_key=key, autoincrement=False)


def the_chain() -> None:
    op.create_table(
        "entries",
        seq(key=True),
        text("at"),
        text("actor"),
        text("run", null=True),
        text("case_id", null=True),
        text("site", null=True),
        text("kind"),
        text("body"),
        text("prev_hash"),
        text("hash"),
    )
    op.create_index("entries_case", "entries", ["case_id", "seq"])
    op.create_index("entries_site", "entries", ["site", "seq"])
    op.create_index("entries_kind", "entries", ["kind", "seq"])
    head = op.create_table(
        "head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        seq(),
        text("hash"),
        text("key_id"),
        text("signature"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": NO_ENTRY, "key_id": "", "signature": ""}])
    op.create_table("keys", text("key_id", key=True), text("public_key"), seq())


def cases_and_work() -> None:
    op.create_table(
        "cases",
        text("id", key=True),
        seq(),
        text("site"),
        text("state"),
        text("opened_at"),
        text("updated_at"),
        text("cause"),
        text("requested_by"),
        text("digest", null=True),
        text("planners"),
        text("note"),
    )
    op.create_index("cases_seq", "cases", ["seq"])
    op.create_index("cases_site", "cases", ["site", "seq"])
    op.create_index("cases_state", "cases", ["state", "seq"])
    op.create_index(
        "cases_one_open",
        "cases",
        ["site"],
        unique=True,
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    )
    op.create_table("snapshots", seq(key=True), text("case_id"), text("at"), text("moment"))
    op.create_index("snapshots_case", "snapshots", ["case_id", "seq"])
    op.create_table("plans", text("case_id", key=True), text("digest", key=True), seq(), text("planners"))
    op.create_index("plans_digest", "plans", ["digest"])
    op.create_table(
        "decisions",
        text("case_id", key=True),
        text("digest", key=True),
        text("gate", key=True),
        text("actor", key=True),
        seq(),
    )
    op.create_table("digests", text("digest", key=True), text("case_id"), seq(), text("at"))
    op.create_table(
        "steps",
        seq(key=True),
        text("at"),
        text("run", null=True),
        text("case_id"),
        text("digest"),
        text("step"),
        text("kind"),
        text("holder"),
        text("argument"),
        text("phase"),
        text("detail"),
    )
    op.create_index("steps_case", "steps", ["case_id", "seq"])
    op.create_table(
        "alarms",
        seq(key=True),
        text("at"),
        text("site", null=True),
        text("case_id", null=True),
        text("what"),
        text("detail"),
    )
    op.create_index("alarms_site", "alarms", ["site", "seq"])
    op.create_table(
        "attachments", text("case_id", key=True), text("name", key=True), seq(), text("sha256"), text("path")
    )


def trust() -> None:
    op.create_table(
        "sightings",
        text("aggregate", key=True),
        text("case_id", key=True),
        text("kind"),
        text("site", null=True),
        text("holder", null=True),
        text("key", null=True),
        text("host", null=True),
        sa.Column("port", sa.Integer()),
        text("dn", null=True),
        text("role", null=True),
        text("fingerprint", null=True),
        seq("count"),
        text("first_at"),
        text("last_at"),
        text("received_at"),
        text("source"),
        text("actor"),
        text("text"),
    )
    op.create_index("sightings_site", "sightings", ["site", "last_at"])
    op.create_index("sightings_case", "sightings", ["case_id"])
    op.create_table("heals", text("case_id", key=True), text("edge", key=True), text("site"), text("at"))
    op.create_index("heals_edge", "heals", ["site", "edge", "at"])
    op.create_table(
        "baselines",
        text("site", key=True),
        text("holder", key=True),
        text("key", key=True),
        text("fingerprint"),
        text("key_fingerprint"),
        text("subject"),
        text("verified_at"),
    )
    op.create_table(
        "leases",
        text("site", key=True),
        seq("token"),
        text("owner"),
        text("place"),
        text("run", null=True),
        text("what"),
        text("since"),
        text("expires_at"),
    )
    op.create_table(
        "identities",
        text("site", key=True),
        text("node", key=True),
        text("kind", key=True),
        text("fingerprint"),
        text("actor"),
        text("reason"),
        text("at"),
    )


def append_only() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("""
            CREATE FUNCTION retrust_append_only() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'entries are append-only'; END $$""")
        op.execute("""
            CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
            FOR EACH STATEMENT EXECUTE FUNCTION retrust_append_only()""")
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(f"""
            CREATE TRIGGER entries_no_{verb.lower()} BEFORE {verb} ON entries
            BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END""")
