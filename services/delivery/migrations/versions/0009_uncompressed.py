"""Columns of recipients and of outcomes are stored as they are: compressing them took more time than writing them."""

from services.runtime.migrating import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE chunk ALTER COLUMN recipients SET STORAGE EXTERNAL;
ALTER TABLE outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
"""
    )
