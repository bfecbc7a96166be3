"""Owns telling Alembic which schema this is."""

from services.campaigns.tables import metadata
from services.runtime import migrating

migrating.run(schema="campaigns", metadata=metadata)
