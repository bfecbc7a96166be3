"""Projects are found by their id alone, where a stranger names one."""

from services.runtime.migrating import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script("CREATE UNIQUE INDEX project_by_id ON project (id);\n")
