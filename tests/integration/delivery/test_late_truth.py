"""What is learnt late corrects what was thought, before the run's end and after it, and everybody is told."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable

import pytest
from carillon.feeds.v1.outcome_feed_service_pb2 import StreamCorrectedEndsRequest

from services.delivery import late_truth
from services.delivery.domain.channels import Channel
from services.delivery.feed_api import OutcomeFeed
from services.delivery.outcome_repository import OutcomeRow
from services.delivery.run_repository import RunRow
from services.message_states import MessageState
from services.runtime.database import Database, Transaction
from tests.integration.delivery.audiences import Place, Run, announce
from tests.integration.delivery.commands import Commands
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import LOST_ANSWER, REFUSED, OutsideWorld, busy_for, only
from tests.integration.delivery.proof import at_rest, read_books, violations
from tests.integration.waiting import eventually


async def a_late_answer(
    database: Database, run: Run, place: Place, state: MessageState = MessageState.SENT, *, event_id: bytes = b""
) -> None:
    """An attempt of this message was answered, long ago and unheard."""
    batch, position = place
    row = OutcomeRow(
        position=position,
        contact=run.contact(place),
        endpoint=run.endpoint(place),
        channel=run.channel,
        state=state,
        reason="" if state is MessageState.SENT else "EMAIL_REFUSED_554",
        code=250,
        attempts=1,
        repeated=False,
        final_at=datetime.datetime.now(datetime.UTC),
    )
    of = RunRow(id=run.id, tenant=run.tenant, project=run.tenant, campaign=run.campaign, fact=b"")

    async def work(tx: Transaction) -> None:
        await late_truth.learn(tx, of, batch=batch, rows=[row], event_id=event_id or b"late:%d:%d" % place)

    await database.transaction(work)


def losing(run: Run, *positions: int) -> Callable[..., object]:
    """The provider takes these of the first batch and answers nothing."""
    places = run.places()
    return only({places[0, position][0] for position in positions}, [LOST_ANSWER])


async def test_a_late_answer_corrects_an_ended_run_and_its_end_is_announced_again(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(10,), channel=Channel.EMAIL)
    world.reply = losing(run, 2, 3)  # type: ignore[assignment]
    await announce(database, run.facts())
    await start_process()
    before = await at_rest(database, run)

    await a_late_answer(database, run, (0, 2))
    after = await read_books(database, run)

    assert (before.counts(), after.counts()) == ({"SENT": 8, "UNKNOWN": 2}, {"SENT": 9, "UNKNOWN": 1})
    assert [(event.counts.sent, event.counts.unknown) for event in after.ended] == [(8, 2), (9, 1)]
    assert [event.correction for event in after.ended] == [0, 1]
    assert after.learnt == [(0, 2)]


async def test_the_same_late_answer_twice_is_told_once(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(3,), channel=Channel.EMAIL)
    world.reply = losing(run, 0)  # type: ignore[assignment]
    await announce(database, run.facts())
    await start_process()
    await at_rest(database, run)

    for _ in range(2):
        await a_late_answer(database, run, (0, 0))
    books = await read_books(database, run)

    assert (len(books.ended), books.learnt) == (2, [(0, 0)])
    assert violations(run, books, world) == []


async def test_what_is_learnt_late_is_never_taken_back(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(3,), channel=Channel.EMAIL)
    await announce(database, run.facts())
    await start_process()
    await at_rest(database, run)

    await a_late_answer(database, run, (0, 0), MessageState.FAILED)
    books = await read_books(database, run)

    assert books.counts() == {"SENT": 3}
    assert len(books.ended) == 1


async def test_a_late_refusal_turns_doubt_into_certainty(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(3,), channel=Channel.EMAIL)
    world.reply = losing(run, 0)  # type: ignore[assignment]
    await announce(database, run.facts())
    await start_process()
    await at_rest(database, run)

    await a_late_answer(database, run, (0, 0), MessageState.FAILED)
    books = await read_books(database, run)

    assert books.counts() == {"SENT": 2, "FAILED": 1}
    assert books.outcomes[0, 0].reason == "EMAIL_REFUSED_554"


async def test_what_is_known_to_have_been_sent_is_not_tried_again(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(3,))
    world.reply = losing(run, 0)  # type: ignore[assignment]
    await announce(database, run.facts())
    process = await start_process()
    await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) == 2)
    await process.stop()

    await a_late_answer(database, run, (0, 0))
    await start_process()
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 3}
    assert len(world.ledger) == 3
    assert not any(outcome.repeated for outcome in books.outcomes.values())
    assert violations(run, books, world) == []


async def test_a_cancelled_message_that_had_been_sent_counts_as_sent(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(2,))
    waiting = run.places()[0, 0][0]
    world.reply = only({waiting}, [busy_for(60)])
    await announce(database, run.facts())
    await start_process()
    await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) == 1)
    await Commands(database, run).cancel()
    before = await at_rest(database, run)

    await a_late_answer(database, run, (0, 0))
    after = await read_books(database, run)

    assert before.counts() == {"SENT": 1, "CANCELLED": 1}
    assert after.counts() == {"SENT": 2}
    assert after.ended[-1].counts.sent == 2


@pytest.mark.parametrize("seed", range(4))
async def test_an_answer_that_comes_at_the_very_end_is_in_the_totals_or_corrects_them(
    database: Database, world: OutsideWorld, start_process: StartProcess, seed: int
) -> None:
    run = Run(sizes=(30,), channel=Channel.EMAIL)
    world.reply = losing(run, *range(30))  # type: ignore[assignment]
    await announce(database, run.facts())
    await start_process(claim_size=10)

    async def answers() -> None:
        for position in range(30):
            await asyncio.sleep(0.002 * seed)
            await a_late_answer(database, run, (0, position))

    await asyncio.gather(answers(), at_rest(database, run))
    books = await read_books(database, run)

    assert books.counts() == {"SENT": 30}
    assert violations(run, books, world) == []


async def test_a_refusal_is_learnt_of_a_process_that_was_taken_over(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(4,), channel=Channel.EMAIL)
    world.reply = only({run.places()[0, 0][0]}, [REFUSED])
    slow = await start_process(machine="slow", claims_at_once=1)
    slow.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)

    await database.transaction(lambda tx: tx.raw.execute("UPDATE claim SET lease_until = clock_timestamp()"))
    await start_process(machine="quick")
    parked = await at_rest(database, run)
    slow.sender.let_go()
    books = await eventually(lambda: read_books(database, run), lambda books: bool(books.learnt))

    assert parked.counts() == {"UNKNOWN": 4}
    assert books.outcomes[0, 0].state is MessageState.FAILED
    assert books.ended[-1].counts.failed == 1


async def test_corrections_are_told_again_to_whoever_asks_and_only_those(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    corrected, other = (Run(sizes=(3,), channel=Channel.EMAIL) for _ in range(2))
    world.reply = losing(corrected, 0)  # type: ignore[assignment]
    for run in (corrected, other):
        await announce(database, run.facts())
    await start_process()
    for run in (corrected, other):
        await at_rest(database, run)

    await a_late_answer(database, corrected, (0, 0))
    (answer,) = [
        answer async for answer in OutcomeFeed(database).StreamCorrectedEnds(StreamCorrectedEndsRequest(), None)
    ]
    later = StreamCorrectedEndsRequest(change_time=answer.read_time)
    (nothing,) = [answer async for answer in OutcomeFeed(database).StreamCorrectedEnds(later, None)]

    assert [(end.run, end.counts.sent, end.correction) for end in answer.runs] == [(corrected.id, 3, 1)]
    assert list(nothing.runs) == []
