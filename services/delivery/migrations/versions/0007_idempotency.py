"""Answers are kept by their idempotency keys, sealed."""

from services.runtime.migrating import run_script
from services.runtime.schema import IDEMPOTENCY_TABLE

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script(IDEMPOTENCY_TABLE)
