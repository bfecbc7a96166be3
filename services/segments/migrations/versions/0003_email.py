"""Contacts have an email address; audiences go several ways, in ascending (contact, channel, endpoint)."""

from services.runtime.migrating import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # What was frozen before was all push: those walks go on behind their last push.
    run_script(
        """
ALTER TABLE contact ADD COLUMN email text NOT NULL DEFAULT '';
ALTER TABLE audience ADD COLUMN last_channel smallint NOT NULL DEFAULT 1;
ALTER TABLE audience ALTER COLUMN last_channel SET DEFAULT 0;
"""
    )
