"""Owns one run of a million recipients by HTTP: whether its pace is constant, and how much memory it takes.

Never counts by our own tables alone: the campaign's books are compared with the sandbox's ledger, too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.runtime import ids
from tests.bench import channel_campaigns
from tests.bench.channel_campaigns import Turn
from tests.bench.processes import memory_mb
from tools.workspace import Workspace

PEOPLE = 1_000_000
TENTHS = """
SELECT extract(epoch FROM max(final_at) - min(final_at))::float
  FROM (SELECT final_at, ntile(10) OVER (ORDER BY final_at) AS tenth FROM delivery.outcome
         WHERE run IN (SELECT id FROM delivery.run WHERE campaign = $1)) AS o
 GROUP BY tenth ORDER BY tenth
"""


@dataclass(frozen=True, slots=True)
class LargeRun:
    """The campaign, recipients a second in each tenth of it, and the most megabytes of each part."""

    turn: Turn
    tenths: list[float]
    megabytes: Mapping[str, float]


async def measure(described: Mapping[str, Any], workspace: Workspace) -> LargeRun:
    """To everybody of the workspace."""
    most: dict[str, float] = {}
    with _watched(described, most):
        turn = await channel_campaigns.calls(described, workspace, people=PEOPLE)
    connection = await asyncpg.connect(described["postgres"], command_timeout=120)
    try:
        seconds = await connection.fetch(TENTHS, ids.parse("cmp", turn.campaign))
    finally:
        await connection.close()
    return LargeRun(turn, [PEOPLE / 10 / row[0] for row in seconds], most)


@contextlib.contextmanager
def _watched(described: Mapping[str, Any], most: dict[str, float]) -> Iterator[None]:
    """Keep the largest memory of each part in `most`."""

    async def watch() -> None:
        while True:
            for part, size in memory_mb(described).items():
                most[part] = max(most.get(part, 0.0), size)
            await asyncio.sleep(0.5)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
