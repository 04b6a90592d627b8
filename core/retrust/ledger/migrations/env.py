"""How Alembic runs our migrations: on the connection, and in the transaction, of whoever opens the ledger."""

from __future__ import annotations

from alembic import context

from retrust.ledger.schema import VERSION_TABLE
from retrust.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
