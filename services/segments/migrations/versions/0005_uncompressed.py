"""Columns of recipients are stored as they are: compressing them took more time than writing them."""

from services.runtime.migrating import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE audience_batch ALTER COLUMN recipients SET STORAGE EXTERNAL;
ALTER TABLE outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
"""
    )
