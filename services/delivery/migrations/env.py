"""Owns telling Alembic which schema this is."""

from services.delivery.tables import metadata
from services.runtime import migrating

migrating.run(schema="delivery", metadata=metadata)
