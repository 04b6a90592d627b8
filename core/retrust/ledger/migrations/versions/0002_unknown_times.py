"""A sighting may tell no time.

Frozen: it says what schema 0002 was, and does not follow ``tables``.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("sightings") as sightings:
        for name in ("first_at", "last_at"):
            sightings.alter_column(name, existing_type=sa.Text(), nullable=True)
