"""Owns measuring the CSV of a project with very many campaigns: seconds, and memory while it is streamed.

The campaigns are drafts that are inserted by SQL, as copies of one that the API made; only the reading is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg

from services.runtime import ids
from tests.bench.processes import python_processes
from tools.client import Client
from tools.workspace import Workspace

CAMPAIGNS = 100_000
PARTS = ("gateway", "campaigns")
# An id is 6 bytes of milliseconds and 6 more: the copies count on behind the original's.
COPY = """
INSERT INTO campaigns.campaign (id, {columns})
SELECT substring(id FOR 6) || decode(lpad(to_hex(n), 12, '0'), 'hex'), {columns}
  FROM campaigns.campaign, generate_series(1, $2) AS n WHERE id = $1
"""


@dataclass(frozen=True)
class Export:
    """Megabytes are resident, by process."""

    rows: int
    megabytes_of_text: float
    seconds: float
    before: Mapping[str, float]
    most: Mapping[str, float]


async def measure(described: Mapping[str, Any], workspace: Workspace) -> Export:
    """Read it once to warm up, with few campaigns, then with all."""
    async with Client(described["dialects"]["reachbell"], workspace.key_header) as client:
        draft = await client.call("POST", "/campaigns", {"name": "One of many", "projectId": workspace.project})
    await _read(described, workspace)
    await insert_copies(described, draft["id"], CAMPAIGNS - 1)
    before = _megabytes(described)
    most = dict(before)
    watching = asyncio.create_task(_watch(described, most))
    began = time.perf_counter()
    rows, size = await _read(described, workspace)
    seconds = time.perf_counter() - began
    watching.cancel()
    return Export(rows=rows, megabytes_of_text=size / 1e6, seconds=seconds, before=before, most=most)


async def insert_copies(described: Mapping[str, Any], original: str, count: int) -> None:
    """So many drafts like this one, at once."""
    connection = await asyncpg.connect(described["postgres"])
    try:
        columns = await connection.fetch(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'campaigns' AND table_name = 'campaign' AND column_name <> 'id'"
        )
        copy = COPY.format(columns=", ".join(row["column_name"] for row in columns))
        await connection.execute(copy, ids.parse("cmp", original), count)
        await connection.execute("ANALYZE campaigns.campaign")
    finally:
        await connection.close()


async def _read(described: Mapping[str, Any], workspace: Workspace) -> tuple[int, int]:
    """(rows below the header, bytes)."""
    url = f"{described['dialects']['reachbell']}/campaigns/export/project/{workspace.project}.csv"
    lines = size = 0
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=300)) as session:
        async with session.get(url, headers=workspace.key_header) as answer:
            assert answer.status == 200, await answer.text()
            async for chunk in answer.content.iter_any():
                lines += chunk.count(b"\r\n")
                size += len(chunk)
    return lines - 1, size


def _megabytes(described: Mapping[str, Any]) -> dict[str, float]:
    processes = python_processes(described)
    return {part: sum(process.memory_info().rss for process in processes[part]) / 1e6 for part in PARTS}


async def _watch(described: Mapping[str, Any], most: dict[str, float]) -> None:
    while True:
        await asyncio.sleep(0.1)
        for part, size in _megabytes(described).items():
            most[part] = max(most[part], size)
