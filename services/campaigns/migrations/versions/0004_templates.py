"""Templates and their versions."""

from services.runtime.migrating import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(
        """
CREATE TABLE template (
    id         bytea PRIMARY KEY,
    tenant     bytea NOT NULL,
    project    bytea NOT NULL,
    channel    smallint NOT NULL,
    version    integer NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX template_of_project ON template (tenant, project, id);
CREATE TABLE template_version (
    template       bytea NOT NULL REFERENCES template (id),
    version        integer NOT NULL,
    display_name   text NOT NULL,
    subject        text NOT NULL,
    html           text NOT NULL,
    text           text NOT NULL,
    contact_fields text[] NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (template, version)
);
"""
    )
