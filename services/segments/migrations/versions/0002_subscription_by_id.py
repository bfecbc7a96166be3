"""A subscription's own index begins with its id: one that begins with the tenant looks cheap for a tenant of whom the
statistics know nothing yet, and the audience walk would read all of that tenant's subscriptions for each contact."""

from services.runtime.migrating import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE push_subscription DROP CONSTRAINT push_subscription_tenant_id_key;
ALTER TABLE push_subscription ADD UNIQUE (id, tenant);
"""
    )
