"""When a run that had been counted was counted again."""

from services.runtime import migrating

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the column, and find by it."""
    migrating.run_script(
        """
ALTER TABLE run ADD COLUMN corrected_at timestamptz;
CREATE INDEX run_corrected ON run (corrected_at) WHERE corrected_at IS NOT NULL;
"""
    )
