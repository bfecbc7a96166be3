"""Deleting hides; answers are kept by their idempotency keys."""

from services.runtime.migrating import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE campaign ADD COLUMN deleted_at timestamptz;
CREATE TABLE idempotency (
    tenant     bytea NOT NULL,
    key        text NOT NULL,
    digest     bytea NOT NULL,
    answer     bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);
"""
    )
