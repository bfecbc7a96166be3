"""Owns telling Alembic which schema this is."""

from services.analytics.tables import metadata
from services.runtime import migrating

migrating.run(schema="analytics", metadata=metadata)
