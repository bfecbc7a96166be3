"""Where a contact's messages may be, and what did not go well: both found without an index on every outcome."""

from services.runtime.migrating import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE chunk ADD COLUMN first_contact bytea, ADD COLUMN last_contact bytea;
CREATE INDEX outcome_unsent ON outcome (run, state, batch, position) WHERE state <> 2;
"""
    )
