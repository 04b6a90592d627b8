"""Where sources go on after a restart stands beside what they delivered. Frozen, as 0002 is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    keys = [sa.Column(name, sa.Text(), primary_key=True) for name in ("home", "source", "key")]
    op.create_table("positions", *keys, sa.Column("value", sa.Text(), nullable=False))
