"""Sightings have a level and may be dismissed, baselines a grade.

What came from a source that hears anybody is a hint; a baseline of before was made with evidence that nobody
recorded, so it counts as made with none. Frozen, as 0002 is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("sightings") as sightings:
        sightings.add_column(sa.Column("level", sa.Text(), nullable=False, server_default="authenticated"))
        for name in ("dismissed", "dismissed_by"):
            sightings.add_column(sa.Column(name, sa.Text()))
    op.execute("UPDATE sightings SET level = 'hint' WHERE source LIKE 'syslog %' OR source LIKE 'Prefect event%'")
    with op.batch_alter_table("baselines") as baselines:
        baselines.add_column(sa.Column("grade", sa.Text(), nullable=False, server_default="none"))
    for table, column in (("sightings", "level"), ("baselines", "grade")):
        with op.batch_alter_table(table) as altered:
            altered.alter_column(column, existing_type=sa.Text(), server_default=None)
