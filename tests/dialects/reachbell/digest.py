"""Owns one number for everything that is stored: all rows of all tables of all schemas."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import asyncpg

QUIET_SECONDS = 1.5
Digest = Mapping[str, str]  # schema.table → its rows' digest


async def digest_at_rest(postgres: str) -> Digest:
    """The digest, once it stands still: what was begun before may still be on its way."""
    connection = await asyncpg.connect(postgres)
    try:
        before = await _digest(connection)
        for _ in range(40):
            await asyncio.sleep(QUIET_SECONDS)
            after = await _digest(connection)
            if after == before:
                return after
            before = after
    finally:
        await connection.close()
    raise AssertionError("the database does not come to rest")


async def _digest(connection: asyncpg.Connection) -> Digest:
    tables = await connection.fetch(
        "SELECT table_schema AS schema, table_name AS name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
    )
    assert tables
    return {f"{table['schema']}.{table['name']}": await _rows(connection, **table) for table in tables}


async def _rows(connection: asyncpg.Connection, schema: str, name: str) -> str:
    rows = f'SELECT md5(t::text) AS row FROM "{schema}"."{name}" t'
    digest: str = await connection.fetchval(
        f"SELECT md5(coalesce(string_agg(row, '' ORDER BY row), '')) FROM ({rows}) r"
    )
    return digest
