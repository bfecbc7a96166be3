"""Owns how a service's migrations run: its own schema, its own role, its own version table (Alembic).

Never imported by a service's process: only by each migrations/env.py.
"""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.ext.asyncio import create_async_engine


def run(*, schema: str, metadata: sa.MetaData) -> None:
    """Bring the schema to the newest revision; called by Alembic through env.py."""
    asyncio.run(_run(schema, metadata))


async def _run(schema: str, metadata: sa.MetaData) -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None
    engine = create_async_engine(url, poolclass=sa.pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, schema, metadata)
        await connection.commit()
    await engine.dispose()


def _migrate(connection: sa.Connection, schema: str, metadata: sa.MetaData) -> None:
    context.configure(connection=connection, target_metadata=metadata, version_table_schema=schema)
    with context.begin_transaction():
        context.run_migrations()


def run_script(script: str) -> None:
    """Run SQL statements that each end in `;` at the end of a line."""
    for statement in script.split(";\n"):
        if statement.strip():
            op.execute(sa.text(statement.replace(":", r"\:")))
