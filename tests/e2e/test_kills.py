"""Each part is killed once while a campaign is being sent, campaigns while many start by themselves, and once the whole
Kafka log is lost.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterator

import asyncpg
import pytest

from services.runtime import ids
from tests.e2e.books import check_equal, push, read_books, wait_until_ended
from tests.stacks import own_stack, running
from tools.client import Client
from tools.stack.stack import Stack
from tools.workspace import Workspace, add_people, make_workspace

PEOPLE = 10_000
KILLED = ("campaigns", "segments", "delivery", "analytics", "gateway", "envoy", "kafka", "postgres")
SCHEDULED = 30  # campaigns, five due a second
SLOWLY = {"requests_per_second": 350}  # so that the campaign outlives all the kills

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def own() -> Iterator[Stack]:
    """A stack that may be killed."""
    with own_stack() as stack:
        yield stack


async def _begin(own: Stack) -> tuple[Workspace, str]:
    """10,000 people and a slow campaign to them."""
    there = running(own)
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Kills")
    await add_people(there.described, workspace, PEOPLE)
    async with Client(there.described["sandbox"]) as sandbox:
        await sandbox.call("PUT", "/faults", SLOWLY)
    async with Client(there.described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        created = await reachbell.call("POST", "/campaigns", push(workspace))
    return workspace, created["id"]


async def _end(own: Stack, workspace: Workspace, campaign: str, *, seconds: float) -> None:
    """The push service is quick again; the campaign ends by itself."""
    there = running(own)
    async with Client(there.described["sandbox"]) as sandbox:
        await sandbox.call("DELETE", "/faults")
    async with Client(there.described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        await wait_until_ended(reachbell, campaign, seconds=seconds)


async def test_every_part_is_killed_once_and_nobody_is_lost(own: Stack) -> None:
    workspace, campaign = await _begin(own)

    for part in KILLED:
        await asyncio.sleep(1.5)
        assert own.kill(part), f"{part} was not running"
    await asyncio.to_thread(own.wait_until_ready)
    await _end(own, workspace, campaign, seconds=60)
    books = await read_books(running(own).described, workspace, campaign)

    check_equal(books, sent=PEOPLE)
    marked = await _marked_as_repeated(own, campaign)
    assert books.reconciliation.get("repeated", 0) == len(marked)
    repeated = {line["to"] for line in books.ledger if line["repeat"]}
    assert repeated <= marked, "a message was repeated that is not marked"


async def test_scheduled_campaigns_start_once_whatever_restarts(own: Stack) -> None:
    there = running(own)
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Scheduled")
    await add_people(there.described, workspace, 3)
    async with Client(there.described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=8)
        due = [soon + datetime.timedelta(seconds=number / 5) for number in range(SCHEDULED)]
        schedules = [{"schedule": {"mode": "scheduled", "sendAt": at.isoformat()}} for at in due]
        made = [await reachbell.call("POST", "/campaigns", push(workspace) | schedule) for schedule in schedules]
        await asyncio.sleep((soon - datetime.datetime.now(datetime.UTC)).total_seconds())
        for part in ("campaigns", "postgres", "campaigns"):
            await asyncio.sleep(1.5)
            assert own.kill(part), f"{part} was not running"
        await asyncio.to_thread(own.wait_until_ready)
        for campaign in made:
            await wait_until_ended(reachbell, campaign["id"], seconds=60)

    for campaign in made:
        books = await read_books(running(own).described, workspace, campaign["id"])
        check_equal(books, sent=3)
        async with Client(there.described["native"], workspace.key_header) as native:
            name = f"/v1/projects/{workspace.project}/campaigns/{campaign['id']}"
            assert len((await native.call("GET", f"{name}/runs"))["runs"]) == 1


async def test_losing_the_whole_kafka_log_costs_delay_not_truth(own: Stack) -> None:
    workspace, campaign = await _begin(own)
    await asyncio.sleep(2)

    await asyncio.to_thread(own.wipe_kafka)
    await _end(own, workspace, campaign, seconds=100)
    books = await read_books(running(own).described, workspace, campaign)

    check_equal(books, sent=PEOPLE)
    assert books.repeats == 0


async def _marked_as_repeated(own: Stack, campaign: str) -> set[str]:
    """The push service's own ids of the subscriptions whose message is marked as repeated."""
    connection = await asyncpg.connect(running(own).described["postgres"])
    try:
        rows = await connection.fetch(
            "SELECT s.endpoint FROM delivery.outcome o JOIN segments.push_subscription s ON s.id = o.endpoint"
            " WHERE o.repeated AND o.run IN (SELECT id FROM delivery.run WHERE campaign = $1)",
            ids.parse("cmp", campaign),
        )
    finally:
        await connection.close()
    return {row["endpoint"].rpartition("/")[2] for row in rows}
