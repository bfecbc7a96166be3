"""Migrations make what the code believes in, may be run again, and keep the services out of each other's rows."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from tests.integration.conftest import Servers, migrated_roles
from tools.migrate import MIGRATIONS, make_roles, upgrade

ROLES = migrated_roles()


def metadata_of(role: str) -> sa.MetaData:
    module = importlib.import_module(MIGRATIONS[role].replace("/", ".").replace(".migrations", ".tables"))
    found: sa.MetaData = module.metadata
    return found


def is_told_of(thing: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
    """Tables and indexes that only the migrations know of are theirs: the chassis' tables, what makes queries fast."""
    return not (reflected and compared is None and kind in ("table", "index", "unique_constraint"))


async def in_schema(servers: Servers, role: str, work: Any) -> Any:
    engine = create_async_engine(servers.url(role), poolclass=sa.pool.NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


async def everything(servers: Servers) -> list[tuple[Any, ...]]:
    """Every column, index, constraint and version in every schema."""
    connection = await asyncpg.connect(servers.admin_dsn())
    try:
        found: list[tuple[Any, ...]] = []
        for question in (
            "SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = ANY($1) ORDER BY 1, 2, 3",
            "SELECT schemaname, indexname, indexdef FROM pg_indexes WHERE schemaname = ANY($1) ORDER BY 1, 2",
            "SELECT connamespace::regnamespace::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace::regnamespace::text = ANY($1) ORDER BY 1, 2",
        ):
            found += [tuple(row) for row in await connection.fetch(question, ROLES)]
        for role in ROLES:
            found += [tuple(row) for row in await connection.fetch(f"SELECT * FROM {role}.alembic_version")]
        return found
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ROLES)
async def test_the_tables_are_what_the_code_believes(servers: Servers, role: str) -> None:
    def differences(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_told_of})
        return list(compare_metadata(context, metadata_of(role)))

    assert await in_schema(servers, role, differences) == []


@pytest.mark.parametrize("role", ROLES)
async def test_the_comparison_would_find_a_difference(servers: Servers, role: str) -> None:
    metadata, changed = metadata_of(role), sa.MetaData()
    for table in metadata.tables.values():
        columns = [sa.Column(column.name, column.type, primary_key=column.primary_key) for column in table.columns]
        sa.Table(table.name, changed, *columns, sa.Column("forgotten", sa.Text))

    def differences(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_told_of})
        return list(compare_metadata(context, changed))

    assert await in_schema(servers, role, differences) != []


async def test_running_the_migrations_again_changes_nothing(servers: Servers) -> None:
    before = await everything(servers)

    await make_roles(servers.settings)
    for role in ROLES:
        await asyncio.to_thread(upgrade, servers.settings, role)

    assert before
    assert await everything(servers) == before


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_sees_its_own_schema_only(servers: Servers, role: str) -> None:
    connection = await asyncpg.connect(make_url(servers.url(role)).set(drivername="postgresql").render_as_string(False))
    try:
        assert await connection.fetchval("SELECT current_schema()") == role
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
        for other in set(ROLES) - {role}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {other}.alembic_version")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"CREATE TABLE {other}.mine (x integer)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE public.mine (x integer)")
    finally:
        await connection.close()
