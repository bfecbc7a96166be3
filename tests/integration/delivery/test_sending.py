"""A run from its audience to its end, with a provider that has good days and bad ones."""

from __future__ import annotations

import asyncio
import datetime

import pytest

from services.delivery.run_repository import COMPLETED
from services.message_states import MessageState
from services.runtime.database import Database
from tests.integration.delivery.audiences import Run, announce, suppress
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import (
    BUSY,
    GONE,
    LOST_ANSWER,
    LOST_REQUEST,
    REFUSED,
    OutsideWorld,
    Reply,
    busy_for,
    only,
)
from tests.integration.delivery.proof import at_rest, read_books, violations
from tests.integration.waiting import eventually


async def test_everybody_is_messaged_once_and_the_run_ends(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(300, 120, 1))
    await announce(database, run.facts())

    await start_process()
    books = await at_rest(database, run)

    assert (books.state, books.counts()) == (COMPLETED, {"SENT": 421})
    assert len(world.ledger) == 421
    assert violations(run, books, world) == []


async def test_several_processes_share_the_work_and_nobody_is_messaged_twice(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.0005
    run = Run(sizes=(400, 400, 400))
    await announce(database, run.facts())

    for _ in range(3):
        await start_process(claim_size=50)
    books = await at_rest(database, run)

    assert len(world.ledger) == len({call.message_id for call in world.ledger}) == 1200
    assert violations(run, books, world) == []


async def test_a_run_that_starts_later_does_not_wait_for_the_end_of_an_earlier_one(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.002
    long, short = Run(sizes=(1000, 1000)), Run(sizes=(20,))
    await announce(database, long.facts())
    await start_process()
    await eventually(world.calls, lambda calls: calls > 100)

    await announce(database, short.facts())
    await at_rest(database, short)
    meanwhile = await read_books(database, long)

    assert not meanwhile.at_rest
    assert meanwhile.due.total() > 500, "the short run came after nearly all of the long one"


async def test_what_the_provider_refuses_has_failed_with_its_reason(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(50,))
    refused = {run.places()[0, position][0] for position in (3, 7, 49)}
    world.reply = only(refused, [REFUSED])
    await announce(database, run.facts())

    await start_process()
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 47, "FAILED": 3}
    assert books.outcomes[0, 7].reason == "PUSH_REJECTED_400"
    assert books.retired == []
    assert violations(run, books, world) == []


async def test_an_endpoint_that_is_gone_is_announced(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(50,))
    gone = {run.places()[0, position][0] for position in (3, 7)}
    world.reply = only(gone, [GONE])
    await announce(database, run.facts())

    await start_process()
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 48, "FAILED": 2}
    assert sorted(books.retired) == sorted(run.endpoint((0, position)) for position in (3, 7))
    assert violations(run, books, world) == []


async def test_a_provider_that_asks_to_wait_is_waited_for(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(30,))
    address = run.places()[0, 5][0]
    world.reply = only({address}, [busy_for(0.6)])
    await announce(database, run.facts())

    await start_process()
    books = await at_rest(database, run)

    first, second = [call.at for call in world.ledger if call.to == address]
    assert second - first >= 0.6
    assert books.outcomes[0, 5].attempts == 2
    assert violations(run, books, world) == []


async def test_a_provider_that_is_busy_is_tried_again_a_little_later(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(30,))
    world.reply = only({address for address, _ in run.places().values()}, [BUSY])
    await announce(database, run.facts())

    await start_process()
    books = await at_rest(database, run)

    calls = sorted(call.at for call in world.ledger)
    assert len(calls) == 60
    assert calls[30] - calls[29] > 0.3, "they were not given any time"
    assert not any(outcome.repeated for outcome in books.outcomes.values())
    assert violations(run, books, world) == []


@pytest.mark.parametrize(("fault", "arrivals"), [(LOST_ANSWER, 2), (LOST_REQUEST, 1)], ids=["answer", "request"])
async def test_what_was_not_answered_is_sent_again_under_its_key_and_marked(
    database: Database, world: OutsideWorld, start_process: StartProcess, fault: Reply, arrivals: int
) -> None:
    run = Run(sizes=(30,))
    address, message_id = run.places()[0, 5]
    world.reply = only({address}, [fault])
    await announce(database, run.facts())

    await start_process()
    books = await at_rest(database, run)

    assert [call.message_id for call in world.delivered if call.to == address] == [message_id] * arrivals
    assert {place for place, outcome in books.outcomes.items() if outcome.repeated} == {(0, 5)}
    assert violations(run, books, world) == []


async def test_who_does_not_want_it_is_not_messaged(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run, other = Run(sizes=(30,)), Run(sizes=(30,))
    await suppress(database, run, [(0, 3), (0, 4)])
    await suppress(database, Run(sizes=(1,)), [(0, 0)])
    await announce(database, [*run.facts(), *other.facts()])

    await start_process()
    books, others_books = await at_rest(database, run), await at_rest(database, other)

    assert books.counts() == {"SENT": 28, "SUPPRESSED": 2}
    assert books.places(MessageState.SUPPRESSED) == {(0, 3), (0, 4)}
    assert books.outcomes[0, 3].reason == "UNSUBSCRIBED"
    assert others_books.counts() == {"SENT": 30}
    assert violations(run, books, world) == []


async def test_who_stops_wanting_it_is_not_messaged_though_already_claimed(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(40,))
    process = await start_process(claims_at_once=1)
    process.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)

    await suppress(database, run, [(0, position) for position in range(40) if position % 2])
    await asyncio.sleep(0.4)  # the next reading of the authorisation sees it
    process.sender.let_go()
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 20, "SUPPRESSED": 20}
    assert len(world.ledger) == 20
    assert violations(run, books, world) == []


async def test_what_is_not_sent_in_its_time_expires(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.01
    run = Run(sizes=(400,), lifetime=datetime.timedelta(seconds=1.2))
    await announce(database, run.facts())

    await start_process()
    books = await at_rest(database, run)

    assert books.state == COMPLETED
    assert set(books.counts()) == {"SENT", "EXPIRED"}
    assert books.outcomes[0, 399].reason == "RUN_EXPIRED"
    assert len(world.ledger) == len(books.places(MessageState.SENT))
    assert violations(run, books, world) == []


async def test_what_waits_for_its_next_try_expires_too(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.reply = lambda message, earlier: busy_for(600)
    run = Run(sizes=(10,), lifetime=datetime.timedelta(seconds=1.2))
    await announce(database, run.facts())

    await start_process()
    books = await at_rest(database, run)

    assert (books.state, books.counts()) == (COMPLETED, {"EXPIRED": 10})
    assert books.outcomes[0, 0].attempts == 1
    assert violations(run, books, world) == []


async def test_a_process_that_stops_in_good_order_leaves_nothing_in_doubt(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.005
    run = Run(sizes=(200,))
    await announce(database, run.facts())
    first = await start_process()
    await eventually(world.calls, lambda calls: calls > 20)

    await first.stop()
    between = await read_books(database, run)
    await start_process()
    books = await at_rest(database, run)

    assert between.claimed.total() == 0
    assert not any(outcome.repeated for outcome in books.outcomes.values())
    assert len(world.ledger) == 200
    assert violations(run, books, world) == []
