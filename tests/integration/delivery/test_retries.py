"""What a retry run takes: what failed, once, settled by its first call; and never what was sent after all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from carillon.delivery.v1.delivery_pb2 import MESSAGE_STATE_FAILED, MESSAGE_STATE_SENT, MESSAGE_STATE_UNKNOWN
from carillon.events.v1.campaign_lifecycle_pb2 import RetryOf
from carillon.feeds.v1.retry_feed_service_pb2 import StreamRetryableRequest

from services.delivery import retries
from services.delivery.domain.channels import Channel
from services.delivery.retries import Retries, Wanted
from services.delivery.retry_api import RetryFeed
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.database import Database
from services.runtime.errors import Invalid
from tests.integration.delivery.audiences import Run, announce
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import LOST_ANSWER, REFUSED, OutsideWorld, only
from tests.integration.delivery.proof import at_rest
from tests.integration.delivery.test_late_truth import a_late_answer

FAILED = RetryOf(states=[MESSAGE_STATE_FAILED])
FAILED_OR_UNKNOWN = RetryOf(states=[MESSAGE_STATE_FAILED, MESSAGE_STATE_UNKNOWN])


async def asked(database: Database, run: Run, retry_of: RetryOf, *, by: bytes) -> dict[tuple[bytes, int], list[int]]:
    """(run, batch) → positions, as segments is told."""
    request = StreamRetryableRequest(tenant=run.tenant, campaign=run.campaign, run=by, retry_of=retry_of)
    found: dict[tuple[bytes, int], list[int]] = {}
    async for answer in RetryFeed(Retries(database)).StreamRetryable(request, None):
        found.setdefault((answer.run, answer.batch), []).extend(answer.positions)
    return found


async def ended(
    database: Database,
    world: OutsideWorld,
    start_process: StartProcess,
    *,
    refused: Sequence[tuple[int, int]] = (),
    lost: Sequence[tuple[int, int]] = (),
) -> Run:
    """An email run of two batches in which these were refused and those got no answer."""
    run = Run(sizes=(20, 10), channel=Channel.EMAIL)
    places = run.places()
    refusing = only({places[place][0] for place in refused}, [REFUSED])
    losing = only({places[place][0] for place in lost}, [LOST_ANSWER])
    world.reply = lambda message, earlier: (
        losing(message, earlier) if losing(message, earlier) is LOST_ANSWER else refusing(message, earlier)
    )
    await announce(database, run.facts())
    process = await start_process()
    await at_rest(database, run)
    await process.stop()
    return run


async def test_a_retry_takes_what_failed_and_nothing_else(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = await ended(database, world, start_process, refused=[(0, 3), (0, 4), (1, 9)], lost=[(1, 2)])

    taken = await asked(database, run, FAILED, by=ids.new_id())

    assert taken == {(run.id, 0): [3, 4], (run.id, 1): [9]}


async def test_a_retry_may_take_what_is_in_doubt_by_its_reason_or_by_its_place(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = await ended(database, world, start_process, refused=[(0, 3), (1, 9)], lost=[(1, 2), (1, 3)])
    place = retries.PLACE.pack(run.id, 1, 3)

    by_place = await asked(database, run, RetryOf(states=FAILED_OR_UNKNOWN.states, messages=[place]), by=ids.new_id())
    by_reason = await asked(
        database, run, RetryOf(states=FAILED_OR_UNKNOWN.states, reasons=["NO_ANSWER"]), by=ids.new_id()
    )

    assert by_place == {(run.id, 1): [3]}
    assert by_reason == {(run.id, 1): [2]}


async def test_what_was_sent_is_never_taken_whoever_asks(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = await ended(database, world, start_process, refused=[(0, 3)])

    assert await asked(database, run, RetryOf(states=[MESSAGE_STATE_SENT]), by=ids.new_id()) == {}


async def test_another_tenants_or_campaigns_messages_are_not_taken(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = await ended(database, world, start_process, refused=[(0, 3)])

    for stranger in (Run(sizes=run.sizes, campaign=run.campaign), Run(sizes=run.sizes, tenant=run.tenant)):
        assert await asked(database, stranger, FAILED, by=ids.new_id()) == {}


async def test_what_one_retry_has_taken_another_never_gets(
    database: Database, world: OutsideWorld, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "SLICE", 2)
    run = await ended(database, world, start_process, refused=[(0, position) for position in range(9)])

    shares = await asyncio.gather(*(asked(database, run, FAILED, by=ids.new_id()) for _ in range(4)))

    taken = [position for share in shares for positions in share.values() for position in positions]
    assert sorted(taken) == list(range(9))


async def test_asking_again_tells_the_same_whatever_has_happened_since(
    database: Database, world: OutsideWorld, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "SLICE", 2)
    run = await ended(database, world, start_process, refused=[(0, 1), (0, 2), (1, 2), (1, 3)], lost=[(1, 5)])
    retry = ids.new_id()

    first = await asked(database, run, FAILED, by=retry)
    again = await asked(database, run, FAILED_OR_UNKNOWN, by=retry)

    assert first == again == {(run.id, 0): [1, 2], (run.id, 1): [2, 3]}


async def test_a_retry_that_died_while_taking_goes_on(
    database: Database, world: OutsideWorld, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await ended(database, world, start_process, refused=[(0, position) for position in range(6)])
    retry = ids.new_id()
    monkeypatch.setattr(retries, "SLICE", 2)
    transaction, calls = database.transaction, 0

    async def dying(work: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise LookupError("killed")
        return await transaction(work)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "transaction", dying)
    with pytest.raises(LookupError):
        await asked(database, run, FAILED, by=retry)
    monkeypatch.setattr(database, "transaction", transaction)

    assert await asked(database, run, FAILED, by=retry) == {(run.id, 0): list(range(6))}


async def test_a_message_that_is_no_place_is_refused() -> None:
    with pytest.raises(Invalid) as refusal:
        Wanted.read(states=[], reasons=[], messages=[bytes(20), bytes(19)])

    assert refusal.value.field == "retry_of.messages[1]"


async def test_a_message_that_was_sent_after_all_is_not_sent_again_by_the_retry_that_took_it(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = await ended(database, world, start_process, lost=[(0, 3), (0, 4)])
    retry = run.retry(3, 4)
    await asked(database, run, FAILED_OR_UNKNOWN, by=retry.id)
    await a_late_answer(database, run, (0, 3))
    sent_before = len(world.ledger)

    await announce(database, retry.facts())
    await start_process()
    books = await at_rest(database, retry)

    reasons = [(outcome.state, outcome.reason) for _, outcome in sorted(books.outcomes.items())]
    assert reasons == [(MessageState.SUPPRESSED, "ALREADY_SENT"), (MessageState.SENT, "")]
    assert len(world.ledger) == sent_before + 1
