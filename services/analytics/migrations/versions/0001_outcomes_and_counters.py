"""Outcomes, their counters, and what they belong to."""

from services.runtime import migrating
from services.runtime.schema import CHASSIS_TABLES

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE outcome (
    run      bytea    NOT NULL,
    batch    integer  NOT NULL,
    position integer  NOT NULL,
    state    smallint NOT NULL,
    rank     smallint NOT NULL,
    channel  smallint NOT NULL,
    tenant   bytea    NOT NULL,
    campaign bytea    NOT NULL,
    contact  bytea    NOT NULL,
    reason   text     NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (run, batch, position)
);
CREATE TABLE counter (
    run   bytea    NOT NULL,
    state smallint NOT NULL,
    n     integer  NOT NULL,
    PRIMARY KEY (run, state)
) WITH (fillfactor = 50);
CREATE TABLE run (
    run      bytea PRIMARY KEY,
    tenant   bytea NOT NULL,
    campaign bytea NOT NULL,
    ended    bytea,
    counted  bytea
);
CREATE INDEX run_of_campaign ON run (campaign);
CREATE INDEX run_uncounted ON run (run) WHERE counted IS NULL;
CREATE TABLE campaign (
    campaign bytea    PRIMARY KEY,
    tenant   bytea    NOT NULL,
    project  bytea    NOT NULL,
    state    smallint NOT NULL,
    queued   integer  NOT NULL,
    revision bigint   NOT NULL,
    final    boolean  NOT NULL
);
CREATE INDEX campaign_open ON campaign (campaign) WHERE NOT final;
"""


def upgrade() -> None:
    """Make the tables."""
    migrating.run_script(CHASSIS_TABLES)
    migrating.run_script(TABLES)
