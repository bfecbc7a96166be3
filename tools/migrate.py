"""Owns the migration step: `python -m tools.migrate` makes roles and schemas, and brings each to its newest revision.

Never run by the services. It may be run at any time and any number of times.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

from services.runtime.settings import read_settings

ROOT = Path(__file__).resolve().parent.parent
MIGRATIONS = {
    "accounts": "gateway/accounts/migrations",
    "campaigns": "services/campaigns/migrations",
    "segments": "services/segments/migrations",
    "delivery": "services/delivery/migrations",
    "analytics": "services/analytics/migrations",
}


@dataclass(frozen=True, slots=True)
class MigrateSettings:
    """What the migration step is told."""

    admin_database_url: str  # a superuser's address of the database
    accounts_password: str  # of the role that the gateway uses
    campaigns_password: str
    segments_password: str
    delivery_password: str
    analytics_password: str


async def make_roles(settings: MigrateSettings) -> None:
    """One role and one schema per owner; a role sees its own schema only."""
    url = make_url(settings.admin_database_url).set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        await connection.execute(
            f'REVOKE CREATE ON SCHEMA public FROM PUBLIC; REVOKE CONNECT ON DATABASE "{url.database}" FROM PUBLIC'
        )
        for role in MIGRATIONS:
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(f"CREATE ROLE {role} LOGIN")
            password = await connection.fetchval(
                "SELECT quote_literal($1::text)", getattr(settings, f"{role}_password")
            )
            await connection.execute(
                f"ALTER ROLE {role} PASSWORD {password}; ALTER ROLE {role} SET search_path = {role};"
                f'GRANT CONNECT ON DATABASE "{url.database}" TO {role};'
                f"CREATE SCHEMA IF NOT EXISTS {role} AUTHORIZATION {role}"
            )
    finally:
        await connection.close()


def upgrade(settings: MigrateSettings, role: str) -> None:
    """Run the owner's migrations as the owner's role."""
    url = make_url(settings.admin_database_url).set(
        drivername="postgresql+asyncpg", username=role, password=getattr(settings, f"{role}_password")
    )
    config = Config()
    config.set_main_option("script_location", str(ROOT / MIGRATIONS[role]))
    config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%"))
    command.upgrade(config, "head")


def main() -> None:
    """Make the roles, then migrate each schema."""
    settings = read_settings(MigrateSettings)
    asyncio.run(make_roles(settings))
    for role, folder in MIGRATIONS.items():
        if (ROOT / folder).is_dir():
            upgrade(settings, role)


if __name__ == "__main__":
    main()
