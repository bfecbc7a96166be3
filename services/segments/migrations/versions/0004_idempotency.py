"""Answers are kept by their idempotency keys."""

from services.runtime.migrating import run_script
from services.runtime.schema import IDEMPOTENCY_TABLE

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(IDEMPOTENCY_TABLE)
