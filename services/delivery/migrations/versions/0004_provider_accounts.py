"""Provider accounts, their secrets sealed."""

from services.runtime.migrating import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(
        """
CREATE TABLE provider_account (
    tenant        bytea NOT NULL,
    id            bytea NOT NULL,
    project       bytea NOT NULL,
    account       bytea NOT NULL,
    sealed_secret bytea NOT NULL,
    create_time   timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX provider_account_of_project ON provider_account (tenant, project, id);
"""
    )
