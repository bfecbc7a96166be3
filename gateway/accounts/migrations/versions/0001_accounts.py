"""Organizations, projects, API keys. No chassis tables: accounts has no events."""

from services.runtime.migrating import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(
        """
CREATE TABLE organization (
    id           bytea PRIMARY KEY,
    display_name text NOT NULL,
    created_at   timestamptz NOT NULL
);
CREATE TABLE project (
    tenant       bytea NOT NULL REFERENCES organization (id),
    id           bytea NOT NULL,
    display_name text NOT NULL,
    time_zone    text NOT NULL,
    phone_region text NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE TABLE api_key (
    tenant       bytea NOT NULL REFERENCES organization (id),
    id           bytea NOT NULL,
    display_name text NOT NULL,
    hash         bytea NOT NULL UNIQUE,
    projects     bytea[] NOT NULL,
    created_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    PRIMARY KEY (tenant, id)
);
"""
    )
