"""Receipts and their counters."""

from services.runtime import migrating

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE receipt (
    run      bytea    NOT NULL,
    batch    integer  NOT NULL,
    position integer  NOT NULL,
    kind     smallint NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (run, batch, position, kind)
);
CREATE TABLE receipt_counter (
    run  bytea    NOT NULL,
    kind smallint NOT NULL,
    n    integer  NOT NULL,
    PRIMARY KEY (run, kind)
) WITH (fillfactor = 50);
"""


def upgrade() -> None:
    """Make the tables."""
    migrating.run_script(TABLES)
