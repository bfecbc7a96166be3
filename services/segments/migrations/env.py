"""Owns telling Alembic which schema this is."""

from services.segments.tables import metadata
from services.runtime import migrating

migrating.run(schema="segments", metadata=metadata)
