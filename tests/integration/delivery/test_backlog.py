"""How far the sending of a run is, as segments is told."""

from __future__ import annotations

import pytest
from carillon.feeds.v1.backlog_feed_service_pb2 import CountBegunBatchesRequest

from services.delivery.backlog_api import BacklogFeed
from services.runtime import ids
from services.runtime.database import Database
from tests.integration.delivery.audiences import Run, announce
from tests.integration.delivery.commands import Commands
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import OutsideWorld, busy_for, only
from tests.integration.delivery.proof import at_rest, read_books
from tests.integration.waiting import eventually


@pytest.fixture
def feed(database: Database) -> BacklogFeed:
    """Answers from the same database."""
    return BacklogFeed(database)


async def begun(feed: BacklogFeed, run: bytes) -> int:
    """How many batches of the run wait for nothing."""
    return (await feed.CountBegunBatches(CountBegunBatchesRequest(run=run), None)).count


async def test_what_was_claimed_is_begun_and_what_is_due_is_not(
    database: Database, feed: BacklogFeed, start_process: StartProcess
) -> None:
    run = Run(sizes=(20, 20, 20))
    commands = Commands(database, run)
    await announce(database, run.facts())
    await commands.pause()

    paused = await begun(feed, run.id)
    await start_process()
    still_paused = await begun(feed, run.id)
    await commands.resume()
    await at_rest(database, run)

    assert (paused, still_paused, await begun(feed, run.id)) == (0, 0, 3)


async def test_what_waits_for_its_next_try_is_not_begun(
    database: Database, world: OutsideWorld, feed: BacklogFeed, start_process: StartProcess
) -> None:
    run = Run(sizes=(10, 10))
    last = [address for (batch, _), (address, _) in run.places().items() if batch == 1][-1]
    world.reply = only([last], [busy_for(600)])
    await announce(database, run.facts())

    await start_process()
    await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) == 19)

    assert await begun(feed, run.id) == 1


async def test_of_a_run_that_delivery_has_not_met_nothing_is_begun(feed: BacklogFeed) -> None:
    assert await begun(feed, ids.new_id()) == 0
