"""Unsubscribing by a message's own link: whoever it went to, whatever has become of it, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from carillon.events.v1.message_receipts_pb2 import RECEIPT_KIND_UNSUBSCRIBED, ReceiptBatch

from services import topics
from services.delivery.domain.links import MessagePlace
from services.delivery.unsubscribing import Unsubscribing
from services.runtime.clock import SystemClock
from services.runtime.database import Database, Transaction
from services.runtime.ids import new_id
from tests.integration.delivery.audiences import Run, announce
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import OutsideWorld
from tests.integration.delivery.proof import at_rest


async def suppressed(database: Database, run: Run) -> list[tuple[bytes, int, str]]:
    async def work(tx: Transaction) -> list[tuple[bytes, int, str]]:
        rows = await tx.raw.fetch("SELECT contact, channel, reason FROM suppression WHERE tenant = $1", run.tenant)
        return [tuple(row) for row in rows]

    return await database.transaction(work)


async def receipts(database: Database) -> list[tuple[int, int]]:
    """(position, kind) of what was announced."""

    async def work(tx: Transaction) -> list[tuple[int, int]]:
        rows = await tx.raw.fetch("SELECT payload FROM outbox WHERE topic = $1", topics.MESSAGE_RECEIPTS.name)
        events = [ReceiptBatch.FromString(row["payload"]) for row in rows]
        return [pair for event in events for pair in zip(event.positions, event.kinds, strict=True)]

    return await database.transaction(work)


@pytest.fixture
def unsubscribing(database: Database) -> Unsubscribing:
    return Unsubscribing(database=database, clock=SystemClock())


async def test_who_unsubscribes_before_his_message_is_sent_is_not_messaged(
    database: Database, start_process: StartProcess, unsubscribing: Unsubscribing
) -> None:
    run = Run(sizes=(3,))
    await announce(database, run.facts())

    await unsubscribing.take(MessagePlace(run.id, 0, 1))
    await start_process()
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 2, "SUPPRESSED": 1}
    assert books.outcomes[0, 1].reason == "UNSUBSCRIBED"


async def test_whoever_asks_again_and_again_is_unsubscribed_once(
    database: Database, start_process: StartProcess, unsubscribing: Unsubscribing
) -> None:
    run = Run(sizes=(3,))
    await announce(database, run.facts())
    await start_process()
    await at_rest(database, run)
    await _forget_recipients(database)

    await asyncio.gather(*(unsubscribing.take(MessagePlace(run.id, 0, 2)) for _ in range(5)))

    assert await suppressed(database, run) == [(run.contact((0, 2)), 1, "UNSUBSCRIBED")]
    assert await receipts(database) == [(2, RECEIPT_KIND_UNSUBSCRIBED)]


async def _forget_recipients(database: Database) -> None:
    await database.transaction(lambda tx: tx.raw.execute("UPDATE chunk SET recipients = NULL"))


@pytest.mark.parametrize(
    "place",
    [
        lambda run: MessagePlace(run.id, 0, 3),
        lambda run: MessagePlace(run.id, 1, 0),
        lambda run: MessagePlace(new_id(), 0, 0),
    ],
)
async def test_a_message_that_never_was_unsubscribes_nobody(
    database: Database,
    world: OutsideWorld,
    unsubscribing: Unsubscribing,
    place: Callable[[Run], MessagePlace],
) -> None:
    run = Run(sizes=(3,))
    await announce(database, run.facts())

    await unsubscribing.take(place(run))

    assert await suppressed(database, run) == []
    assert await receipts(database) == []
