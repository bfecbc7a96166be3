"""Attempts that ended nothing; claims that are made without any call; ended runs whose numbers were corrected."""

from services.runtime.migrating import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE claim ADD COLUMN for_sending boolean NOT NULL DEFAULT true;
ALTER TABLE run ADD COLUMN corrections integer NOT NULL DEFAULT 0, ADD COLUMN corrected_at timestamptz;
CREATE INDEX run_corrected ON run (corrected_at) WHERE corrected_at IS NOT NULL;
CREATE TABLE attempt (
    run      bytea NOT NULL,
    batch    integer NOT NULL,
    position integer NOT NULL,
    attempt  integer NOT NULL,
    kind     text NOT NULL,
    code     integer NOT NULL,
    reason   text NOT NULL,
    at       timestamptz NOT NULL
);
CREATE INDEX attempt_of_message ON attempt (run, batch, position);
"""
    )
