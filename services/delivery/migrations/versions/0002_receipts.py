"""Receipts, and how many each run has."""

from services.runtime.migrating import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(
        """
CREATE TABLE receipt (
    run      bytea NOT NULL,
    batch    integer NOT NULL,
    position integer NOT NULL,
    kind     smallint NOT NULL,
    action   text NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (run, batch, position, kind)
);
CREATE TABLE receipt_count (
    run        bytea PRIMARY KEY,
    n          integer NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX receipt_count_changed ON receipt_count (changed_at);
"""
    )
