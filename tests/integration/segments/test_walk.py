"""The walk over an audience costs what the audience is, whatever the planner believes about the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from services.runtime import ids
from services.runtime.database import Database, Transaction
from services.segments.audience_repository import STREAM, WALK

EARLIER = 2_000  # people whom the statistics know
NEW = 5_000  # people whom they don't
NOTHING = bytes(ids.SIZE)

IMPORT_PEOPLE = """
INSERT INTO contact (tenant, project, id, external_id, push_count)
SELECT $1, $1, substring(sha256(int4send(n)) FOR 12), n::text, 1 FROM generate_series(1, $2::int) AS n
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


async def test_a_walk_right_after_an_import_that_the_statistics_do_not_know_looks_at_each_row_once(
    connect: Callable[..., Database],
) -> None:
    database, earlier, new = connect("segments"), ids.new_id(), ids.new_id()

    async def walk(tx: Transaction) -> Any:
        for table in ("contact", "push_subscription"):
            await tx.raw.execute(f"TRUNCATE {table}")
        for statement in (IMPORT_PEOPLE, IMPORT_BROWSERS):
            await tx.raw.execute(statement, earlier, EARLIER)
        await tx.raw.execute("ANALYZE contact, push_subscription")
        for statement in (IMPORT_PEOPLE, IMPORT_BROWSERS):
            await tx.raw.execute(statement, new, NEW)
        await tx.raw.execute(STREAM)
        explain = "EXPLAIN (ANALYZE, FORMAT JSON) " + WALK.replace("{condition}", "true")
        return await tx.raw.fetchval(explain, new, new, NOTHING, NOTHING)

    plan = (await database.transaction(walk))[0]["Plan"]

    assert plan["Actual Rows"] == NEW
    assert sum(node.get("Rows Removed by Filter", 0) * node["Actual Loops"] for node in nodes(plan)) == 0
