"""The walk over an audience costs what the audience is, whatever the planner believes about the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_HTTP, CHANNEL_PUSH

from services.runtime import ids
from services.runtime.database import Database, Transaction
from services.segments.audience_repository import STREAM
from services.segments.domain.filters import EVERYBODY
from services.segments.walk_sql import compile_walk

EARLIER = 2_000  # people whom the statistics know
NEW = 5_000  # people whom they don't
NOTHING = bytes(ids.SIZE)

IMPORT_PEOPLE = """
INSERT INTO contact (tenant, project, id, external_id, email, push_count)
SELECT $1, $1, substring(sha256(int4send(n)) FOR 12), n::text, 'a@example.com', 1 FROM generate_series(1, $2::int) AS n
"""
IMPORT_BROWSERS = """
INSERT INTO push_subscription (tenant, project, contact, id, endpoint, p256dh, auth)
SELECT $1, $1, substring(sha256(int4send(n)) FOR 12), substring(sha256(int4send(-n)) FOR 12), n::text, '', ''
  FROM generate_series(1, $2::int) AS n
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plan's nodes, outermost first."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def explained(
    database: Database, tenant: bytes, earlier: bytes, *, channels: Sequence[int], fields: Sequence[str] = ()
) -> dict[str, Any]:
    """The plan of a walk over people whom the statistics do not know, as it ran."""

    async def walk(tx: Transaction) -> Any:
        for table in ("contact", "push_subscription"):
            await tx.raw.execute(f"TRUNCATE {table}")
        for statement in (IMPORT_PEOPLE, IMPORT_BROWSERS):
            await tx.raw.execute(statement, earlier, EARLIER)
        await tx.raw.execute("ANALYZE contact, push_subscription")
        for statement in (IMPORT_PEOPLE, IMPORT_BROWSERS):
            await tx.raw.execute(statement, tenant, NEW)
        await tx.raw.execute(STREAM)
        keys = [[field] for field in fields]
        statement, parameters = compile_walk(channels=channels, tree=EVERYBODY, fields=fields, keys=keys)
        explain = "EXPLAIN (ANALYZE, FORMAT JSON) " + statement
        return await tx.raw.fetchval(explain, tenant, tenant, NOTHING, 0, NOTHING, *parameters)

    plan: dict[str, Any] = (await database.transaction(walk))[0]["Plan"]
    return plan


@pytest.mark.parametrize(
    "channels",
    [
        [CHANNEL_PUSH],
        [CHANNEL_EMAIL],
        [CHANNEL_HTTP],
        [CHANNEL_PUSH, CHANNEL_EMAIL],
        [CHANNEL_PUSH, CHANNEL_EMAIL, CHANNEL_HTTP],
    ],
)
async def test_a_walk_right_after_an_import_that_the_statistics_do_not_know_looks_at_each_row_once(
    connect: Callable[..., Database], channels: Sequence[int]
) -> None:
    plan = await explained(connect("segments"), ids.new_id(), ids.new_id(), channels=channels, fields=["plan"])

    assert plan["Actual Rows"] == NEW * len(channels)
    assert sum(node.get("Rows Removed by Filter", 0) * node["Actual Loops"] for node in nodes(plan)) == 0
    assert not {node["Node Type"] for node in nodes(plan)} & {"Sort", "Hash Join"}
