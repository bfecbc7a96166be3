"""Which messages retry runs have taken."""

from services.runtime.migrating import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE outcome ADD COLUMN retried_by bytea;
CREATE INDEX outcome_retried ON outcome (retried_by, run, batch, position) WHERE retried_by IS NOT NULL;
CREATE INDEX outcome_retried_contact ON outcome (retried_by, contact) WHERE retried_by IS NOT NULL;
CREATE TABLE retry (
    run      bytea PRIMARY KEY,
    campaign bytea NOT NULL,
    settled  boolean NOT NULL
);
"""
    )
