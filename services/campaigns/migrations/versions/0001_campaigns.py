"""Campaigns and their runs."""

from services.runtime.migrating import run_script
from services.runtime.schema import CHASSIS_TABLES

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(CHASSIS_TABLES)
    run_script(
        """
CREATE TABLE campaign (
    id             bytea PRIMARY KEY,
    tenant         bytea NOT NULL,
    project        bytea NOT NULL,
    display_name   text NOT NULL,
    definition     bytea NOT NULL,
    labels         jsonb NOT NULL,
    state          smallint NOT NULL,
    failure_reason text NOT NULL,
    revision       bigint NOT NULL,
    queued         integer NOT NULL,
    epoch          bigint NOT NULL,
    wanted         smallint,
    final          boolean NOT NULL,
    start_at       timestamptz,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    started_at     timestamptz,
    ended_at       timestamptz
);
CREATE INDEX campaign_newest ON campaign (tenant, project, id DESC);
CREATE INDEX campaign_due ON campaign (start_at) WHERE state = 2;
CREATE INDEX campaign_wanted ON campaign (id) WHERE wanted IS NOT NULL;
CREATE TABLE run (
    id             bytea PRIMARY KEY,
    tenant         bytea NOT NULL,
    campaign       bytea NOT NULL REFERENCES campaign (id),
    fact           bytea NOT NULL,
    state          smallint NOT NULL,
    failure_reason text NOT NULL,
    message_count  integer NOT NULL,
    contact_count  integer NOT NULL,
    queued         integer NOT NULL,
    started_at     timestamptz NOT NULL,
    ended_at       timestamptz
);
CREATE INDEX run_of_campaign ON run (tenant, campaign, id DESC);
CREATE INDEX run_open ON run (id) WHERE state IN (1, 2);
"""
    )
