"""How often the numbers of an ended run were corrected."""

from services.runtime.migrating import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script("ALTER TABLE run ADD COLUMN correction integer NOT NULL DEFAULT 0;")
