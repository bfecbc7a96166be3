"""Owns telling Alembic which schema this is."""

from gateway.accounts.tables import metadata
from services.runtime import migrating

migrating.run(schema="accounts", metadata=metadata)
