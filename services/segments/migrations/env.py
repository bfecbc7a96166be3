"""Owns telling Alembic which schema this is."""

from services.runtime import migrating
from services.segments.tables import metadata

migrating.run(schema="segments", metadata=metadata)
