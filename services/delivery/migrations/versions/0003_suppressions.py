"""Suppressions say whose project they are of and since which version; addresses that are known to be dead."""

from services.runtime.migrating import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE suppression ADD COLUMN project bytea NOT NULL DEFAULT '';
ALTER TABLE suppression ADD COLUMN version bigint NOT NULL DEFAULT 0;
ALTER TABLE suppression ALTER COLUMN project DROP DEFAULT, ALTER COLUMN version DROP DEFAULT;
CREATE INDEX suppression_of_project ON suppression (tenant, project, contact, channel);
CREATE INDEX suppression_since ON suppression (tenant, version);
CREATE TABLE address_suppression (
    tenant        bytea NOT NULL,
    project       bytea NOT NULL,
    channel       smallint NOT NULL,
    address       text NOT NULL,
    reason        text NOT NULL,
    suppressed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, project, channel, address)
);
"""
    )
