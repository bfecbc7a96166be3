"""Deleting hides; answers are kept by their idempotency keys."""

from services.runtime.migrating import run_script
from services.runtime.schema import IDEMPOTENCY_TABLE

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script("ALTER TABLE campaign ADD COLUMN deleted_at timestamptz;\n" + IDEMPOTENCY_TABLE)
