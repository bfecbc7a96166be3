"""Contacts, segments and frozen audiences."""

from services.runtime import migrating
from services.runtime.schema import CHASSIS_TABLES

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE contact (
    tenant      bytea NOT NULL,
    project     bytea NOT NULL,
    id          bytea NOT NULL,
    external_id text  NOT NULL,
    country     text  NOT NULL DEFAULT '',
    locale      text  NOT NULL DEFAULT '',
    time_zone   text  NOT NULL DEFAULT '',
    tags        text[] NOT NULL DEFAULT '{}',
    attributes  jsonb NOT NULL DEFAULT '{}',
    push_count  integer NOT NULL DEFAULT 0 CHECK (push_count >= 0),
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    update_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, project, id),
    UNIQUE (tenant, project, external_id)
) WITH (fillfactor = 85);
CREATE TABLE push_subscription (
    tenant      bytea NOT NULL,
    project     bytea NOT NULL,
    contact     bytea NOT NULL,
    id          bytea NOT NULL,
    endpoint    text  NOT NULL,
    p256dh      bytea NOT NULL,
    auth        bytea NOT NULL,
    retire_time timestamptz,
    PRIMARY KEY (tenant, project, contact, id),
    UNIQUE (tenant, project, endpoint),
    UNIQUE (tenant, id)
);
CREATE TABLE attribute_key (
    tenant  bytea NOT NULL,
    project bytea NOT NULL,
    key     text  NOT NULL,
    PRIMARY KEY (tenant, project, key)
);
CREATE TABLE segment (
    tenant       bytea NOT NULL,
    id           bytea NOT NULL,
    project      bytea NOT NULL,
    display_name text  NOT NULL,
    filter       bytea NOT NULL,
    create_time  timestamptz NOT NULL DEFAULT clock_timestamp(),
    update_time  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX segment_of_project ON segment (tenant, project, id);
CREATE TABLE campaign (
    campaign bytea PRIMARY KEY,
    tenant   bytea NOT NULL,
    stopped  boolean NOT NULL,
    end_time timestamptz
);
CREATE TABLE audience (
    run            bytea PRIMARY KEY,
    tenant         bytea NOT NULL,
    project        bytea NOT NULL,
    campaign       bytea NOT NULL,
    fact           bytea NOT NULL,
    filter         bytea NOT NULL,
    state          text  NOT NULL CHECK (state IN ('RESOLVING', 'COMPLETE', 'STOPPED')),
    batch_count    integer NOT NULL DEFAULT 0,
    message_count  integer NOT NULL DEFAULT 0,
    contact_count  integer NOT NULL DEFAULT 0,
    last_contact   bytea NOT NULL DEFAULT '',
    last_endpoint  bytea NOT NULL DEFAULT '',
    failure_reason text  NOT NULL DEFAULT '',
    create_time    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audience_of_campaign ON audience (campaign);
CREATE INDEX audience_resolving ON audience (run) WHERE state = 'RESOLVING';
CREATE TABLE audience_batch (
    run            bytea   NOT NULL,
    number         integer NOT NULL,
    first_contact  bytea   NOT NULL,
    first_endpoint bytea   NOT NULL,
    last_contact   bytea   NOT NULL,
    last_endpoint  bytea   NOT NULL,
    size           integer NOT NULL,
    digest         bytea   NOT NULL,
    recipients     bytea   STORAGE EXTERNAL NOT NULL,
    PRIMARY KEY (run, number)
);
"""


def upgrade() -> None:
    """Make the tables."""
    migrating.run_script(CHASSIS_TABLES)
    migrating.run_script(TABLES)
