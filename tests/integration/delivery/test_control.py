"""Pause, resume, cancel, by the clock: what begins after the answer, and what becomes of the rest."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Run as RunMessage
from carillon.delivery.v1.control_service_pb2 import (
    CONTROL_STATE_ACTIVE,
    CONTROL_STATE_CANCELLED,
    CONTROL_STATE_PAUSED,
    CONTROL_STATE_UNSPECIFIED,
)

from services.delivery import run_repository
from services.delivery.authorisation import GOOD_FOR, RENEW_EVERY
from services.delivery.run_repository import CANCELLED, COMPLETED
from services.message_states import MessageState
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.errors import Invalid
from tests.integration.delivery.audiences import Run, announce
from tests.integration.delivery.commands import Commands
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import OutsideWorld, busy_for
from tests.integration.delivery.proof import at_rest, read_books, violations
from tests.integration.waiting import eventually
from tests.integration.wire import Wire

PROMISED = 1.0  # seconds after the answer
NEEDED = GOOD_FOR + RENEW_EVERY


async def test_after_a_pause_no_call_begins_later_than_promised_and_resume_goes_on(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.004
    run = Run(sizes=(400, 200))
    commands = Commands(database, run)
    await announce(database, run.facts())
    await start_process(claim_size=400)
    await start_process(claim_size=400)
    await eventually(world.calls, lambda calls: calls > 50)

    paused = await commands.pause()
    await asyncio.sleep(PROMISED + 0.3)
    began, while_paused = world.began_after(paused), await read_books(database, run)
    await commands.resume()
    books = await at_rest(database, run)

    assert max(began, default=0.0) < PROMISED
    assert 0 < len(while_paused.outcomes) < run.total, "the pause came too late to mean anything"
    assert len({call.message_id for call in world.ledger}) == len(world.ledger) == run.total
    assert violations(run, while_paused, world) == []
    assert violations(run, books, world) == []


async def test_a_pause_holds_what_was_claimed_and_could_go_on_for_long(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.02  # a claim of 100 takes 2 s
    run = Run(sizes=(100, 100))
    commands = Commands(database, run)
    await announce(database, run.facts())
    await start_process()
    await eventually(world.calls, lambda calls: calls > 10)

    paused = await commands.pause()
    await asyncio.sleep(PROMISED + 0.2)
    books = await read_books(database, run)

    assert max(world.began_after(paused), default=0.0) < PROMISED
    assert books.claimed.total() == 0, "what was not begun is not given back"
    assert books.due.total() > 100
    assert violations(run, books, world) == []


async def test_a_pause_may_come_before_the_first_batch(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(50,))
    commands = Commands(database, run)
    await start_process()

    await commands.pause()
    await announce(database, run.facts())
    await asyncio.sleep(0.3)
    held = len(world.ledger)
    await commands.resume()
    books = await at_rest(database, run)

    assert held == 0
    assert violations(run, books, world) == []


async def test_a_pause_holds_one_campaign_and_no_other(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run, other = Run(sizes=(50,)), Run(sizes=(50,))
    await Commands(database, run).pause()
    await announce(database, [*run.facts(), *other.facts()])

    await start_process()
    await at_rest(database, other)
    books = await read_books(database, run)

    assert books.due.total() == 50
    assert {call.to for call in world.ledger} == {address for address, _ in other.places().values()}


async def test_pausing_and_resuming_as_fast_as_one_can_loses_nobody(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.001
    run = Run(sizes=(300,))
    commands = Commands(database, run)
    await announce(database, run.facts())
    await start_process()

    for _ in range(8):
        await commands.pause()
        await asyncio.sleep(0.03)
        await commands.resume()
        await asyncio.sleep(0.03)
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 300}
    assert len(world.ledger) == 300
    assert violations(run, books, world) == []


async def test_a_paused_run_with_nothing_left_ends(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(1,))
    process = await start_process()
    process.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)

    await Commands(database, run).pause()
    process.sender.let_go()
    books = await at_rest(database, run)

    assert (books.state, books.counts()) == (COMPLETED, {"SENT": 1})


async def test_the_highest_epoch_wins_whatever_comes_when(database: Database) -> None:
    run = Run(sizes=(1,))
    commands = Commands(database, run)

    first = await commands.say(5, CONTROL_STATE_PAUSED)
    again = await commands.say(5, CONTROL_STATE_PAUSED)
    late = await commands.say(4, CONTROL_STATE_ACTIVE)
    later = await commands.say(6, CONTROL_STATE_ACTIVE)

    answers = [(answer.epoch, answer.state) for answer in (first, again, late, later)]
    assert answers == [(5, CONTROL_STATE_PAUSED)] * 3 + [(6, CONTROL_STATE_ACTIVE)]


async def test_commands_at_once_leave_the_highest_epoch(database: Database) -> None:
    run = Run(sizes=(1,))
    commands = Commands(database, run)

    await asyncio.gather(
        *(commands.say(epoch, CONTROL_STATE_PAUSED if epoch % 2 else CONTROL_STATE_ACTIVE) for epoch in range(1, 21))
    )

    stored = await commands.say(1, CONTROL_STATE_CANCELLED)
    assert (stored.epoch, stored.state) == (20, CONTROL_STATE_ACTIVE)


async def test_a_command_has_to_say_what_is_wanted(database: Database) -> None:
    with pytest.raises(Invalid) as refused:
        await Commands(database, Run(sizes=(1,))).say(1, CONTROL_STATE_UNSPECIFIED)

    assert refused.value.field == "state"


def test_the_numbers_are_those_of_the_contract() -> None:
    assert (run_repository.ACTIVE, run_repository.STOPPED) == (CONTROL_STATE_ACTIVE, CONTROL_STATE_CANCELLED)
    states = (RunMessage.STATE_SENDING, RunMessage.STATE_COMPLETED, RunMessage.STATE_CANCELLED)
    assert states == (run_repository.SENDING, COMPLETED, CANCELLED)


async def test_a_cancelled_run_says_of_everybody_what_became_of_him(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.01
    run = Run(sizes=(200, 200))
    commands = Commands(database, run)
    await announce(database, run.facts())
    await start_process()
    await eventually(world.calls, lambda calls: calls > 20)

    cancelled = await commands.cancel()
    books = await at_rest(database, run)

    assert books.state == CANCELLED
    assert set(books.counts()) == {"SENT", "CANCELLED"}
    assert len(books.places(MessageState.SENT)) == len(world.ledger)
    assert max(world.began_after(cancelled), default=0.0) < PROMISED
    assert {books.outcomes[place].reason for place in books.places(MessageState.CANCELLED)} == {"CAMPAIGN_CANCELLED"}
    assert violations(run, books, world) == []


async def test_a_cancel_before_the_first_batch_reaches_late_batches_too(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(10, 15))
    await start_process()

    await Commands(database, run).cancel()
    await announce(database, [run.started(), run.batch(0)])
    early = await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) == 10)
    await announce(database, [run.batch(1), run.totals()])
    books = await at_rest(database, run)

    assert not early.at_rest
    assert (books.state, books.counts()) == (CANCELLED, {"CANCELLED": 25})
    assert world.ledger == []
    assert violations(run, books, world) == []


async def test_what_waits_for_its_next_try_is_cancelled_too(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.reply = lambda message, earlier: busy_for(600)
    run = Run(sizes=(10,))
    await announce(database, run.facts())
    await start_process()
    await eventually(lambda: read_books(database, run), lambda books: books.due.total() == 10 == len(world.ledger))

    await Commands(database, run).cancel()
    books = await at_rest(database, run)

    assert (books.state, books.counts()) == (CANCELLED, {"CANCELLED": 10})
    assert books.outcomes[0, 0].attempts == 1


async def test_what_was_on_the_wire_when_the_cancel_came_is_what_the_provider_says(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(10,))
    process = await start_process()
    process.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)

    await Commands(database, run).cancel()
    await asyncio.sleep(NEEDED)
    process.sender.let_go()
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 1, "CANCELLED": 9}
    assert violations(run, books, world) == []


async def test_a_paused_run_can_be_cancelled_and_one_that_waits_too_long_expires(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    cancelled, expiring = Run(sizes=(10,)), Run(sizes=(10,), lifetime=datetime.timedelta(seconds=0.5))
    commands = Commands(database, cancelled)
    await commands.pause()
    await Commands(database, expiring).pause()
    await announce(database, [*cancelled.facts(), *expiring.facts()])
    await start_process()

    await commands.cancel()
    books, expired = await at_rest(database, cancelled), await at_rest(database, expiring)

    assert (books.state, books.counts()) == (CANCELLED, {"CANCELLED": 10})
    assert (expired.state, expired.counts()) == (COMPLETED, {"EXPIRED": 10})
    assert world.ledger == []


async def test_a_cancelled_run_that_has_expired_is_cancelled(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(10,), lifetime=datetime.timedelta(0))
    await Commands(database, run).cancel()
    await announce(database, run.facts())

    await start_process()
    books = await at_rest(database, run)

    assert (books.state, books.counts()) == (CANCELLED, {"CANCELLED": 10})


async def test_a_process_that_cannot_ask_starts_nothing_and_goes_on_when_it_can(
    database: Database,
    world: OutsideWorld,
    start_process: StartProcess,
    connect: Callable[..., Database],
    wire: Wire,
) -> None:
    world.seconds_per_call = 0.01
    run = Run(sizes=(150,))
    await announce(database, run.facts())
    await start_process(database=connect("delivery", wire=wire))
    await eventually(world.calls, lambda calls: calls > 10)

    cut = SystemClock().boot_seconds()
    wire.cut()
    await asyncio.sleep(PROMISED + 0.2)
    began = world.began_after(cut)
    wire.heal()
    books = await at_rest(database, run)

    assert max(began, default=0.0) < PROMISED
    assert len(began) < 100, "it never had to stop"
    assert books.counts() == {"SENT": 150}
    assert violations(run, books, world) == []
