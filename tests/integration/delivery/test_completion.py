"""A run ends when everybody has a final state and the chunks add up to what was announced: not before, and once."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from carillon.events.v1.audience_batches_pb2 import AudienceBatch
from carillon.feeds.v1.audience_feed_service_pb2 import StreamMissingBatchesRequest, StreamMissingBatchesResponse
from carillon.feeds.v1.run_feed_service_pb2 import StreamOpenRunsResponse

from services.delivery.completion import Completion
from services.delivery.run_repository import CANCELLED, COMPLETED
from services.delivery.subscriptions import Reactions
from services.runtime.database import Database, Transaction
from services.runtime.errors import Conflict
from tests.integration.delivery.audiences import Run, announce
from tests.integration.delivery.commands import Commands
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import OutsideWorld
from tests.integration.delivery.proof import at_rest, read_books, violations
from tests.integration.waiting import eventually

A_FEW_ROUNDS = 0.4


async def test_a_run_to_nobody_ends_at_once(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=())
    await start_process()

    await announce(database, run.facts())
    books = await at_rest(database, run)

    assert (books.state, books.counts()) == (COMPLETED, {})
    assert violations(run, books, world) == []


async def test_totals_may_come_before_the_last_batch(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(20, 30))
    await start_process()

    await announce(database, [run.started(), run.totals(), run.batch(1)])
    await eventually(world.calls, lambda calls: calls == 30)
    await asyncio.sleep(A_FEW_ROUNDS)
    early = await read_books(database, run)
    await announce(database, [run.batch(0)])
    books = await at_rest(database, run)

    assert not early.at_rest
    assert (books.state, books.counts()) == (COMPLETED, {"SENT": 50})
    assert violations(run, books, world) == []


async def test_without_totals_a_run_does_not_end_though_all_is_sent(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(20,))
    await start_process()

    await announce(database, [run.started(), run.batch(0)])
    await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) == 20)
    await asyncio.sleep(A_FEW_ROUNDS)
    early = await read_books(database, run)
    await announce(database, [run.totals()])
    books = await at_rest(database, run)

    assert not early.at_rest
    assert violations(run, books, world) == []


async def test_the_run_itself_may_be_the_last_to_come(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(20,))
    await start_process()

    await announce(database, [run.totals(), run.batch(0)])
    await asyncio.sleep(A_FEW_ROUNDS)
    early = len(world.ledger)
    await announce(database, [run.started()])
    books = await at_rest(database, run)

    assert early == 0
    assert violations(run, books, world) == []


async def test_hearing_everything_twice_changes_nothing(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(20, 30))
    await start_process()

    await announce(database, [*run.facts(), *run.facts()])
    books = await at_rest(database, run)
    await announce(database, run.facts())
    await asyncio.sleep(A_FEW_ROUNDS)

    assert await read_books(database, run) == books
    assert len(world.ledger) == 50
    assert violations(run, books, world) == []


async def test_several_who_see_the_end_announce_it_once(database: Database, world: OutsideWorld) -> None:
    run = Run(sizes=())
    await announce(database, run.facts())

    ends = await asyncio.gather(*(Completion(database).attempt(run.id) for _ in range(8)))

    assert sorted(ends) == [False] * 7 + [True]
    assert violations(run, await read_books(database, run), world) == []


async def test_a_run_whose_rows_do_not_add_up_is_not_ended(database: Database, world: OutsideWorld) -> None:
    run = Run(sizes=(20,))
    await announce(database, run.facts())
    await database.transaction(lambda tx: tx.raw.execute("DELETE FROM due"))  # twenty people vanish

    with pytest.raises(AssertionError, match="0 of 20"):
        await Completion(database).attempt(run.id)

    books = await read_books(database, run)
    assert (books.at_rest, books.ended) == (False, [])
    assert len(violations(run, books, world)) == 20


async def stored_digest(database: Database, run: Run) -> bytes | None:
    digest: bytes | None = await database.transaction(
        lambda tx: tx.raw.fetchval("SELECT digest FROM chunk WHERE run = $1 AND batch = 0", run.id)
    )
    return digest


def changed(batch: AudienceBatch) -> AudienceBatch:
    """The same number, another content, and a digest that fits it."""
    other = AudienceBatch()
    other.CopyFrom(batch)
    other.recipients = Run(sizes=(batch.size,)).batch(0).recipients
    other.digest = hashlib.blake2b(other.recipients, digest_size=16).digest()
    return other


async def test_a_batch_that_comes_with_another_digest_is_refused(database: Database) -> None:
    run = Run(sizes=(20,))
    await announce(database, [run.started(), run.batch(0)])

    with pytest.raises(Conflict) as refused:
        await announce(database, [changed(run.batch(0))])

    assert refused.value.reason == "BATCH_CHANGED"
    assert await stored_digest(database, run) == run.batch(0).digest
    assert (await read_books(database, run)).due.total() == 20


async def test_a_batch_that_is_not_its_digests_is_refused(database: Database) -> None:
    run = Run(sizes=(20,))
    damaged = run.batch(0)
    damaged.recipients += b"\0"

    with pytest.raises(Conflict) as refused:
        await announce(database, [run.started(), damaged])

    assert refused.value.reason == "BATCH_DAMAGED"
    assert await stored_digest(database, run) is None


async def test_a_batch_without_a_position_is_refused(database: Database) -> None:
    run = Run(sizes=(20,))
    empty = run.batch(0)
    empty.size = 0

    with pytest.raises(Conflict) as refused:
        await announce(database, [run.started(), empty])

    assert refused.value.reason == "BATCH_EMPTY"
    assert await stored_digest(database, run) is None


class Peers:
    """campaigns and segments, asked by themselves: what Kafka did not bring."""

    def __init__(self, runs: list[Run], *, damaged: Run | None = None) -> None:
        self._runs = {run.id: run for run in runs}
        self._damaged = damaged

    async def StreamOpenRuns(self, request: object, *, timeout: float) -> Any:
        for run in self._runs.values():
            yield StreamOpenRunsResponse(fact=run.started())

    async def StreamMissingBatches(self, request: StreamMissingBatchesRequest, *, timeout: float) -> Any:
        run = self._runs[request.run]
        for number in set(range(len(run.sizes))) - set(request.known_batches):
            batch = run.batch(number)
            if run == self._damaged:
                batch.recipients += b"\0"
            yield StreamMissingBatchesResponse(batch=batch)
        yield StreamMissingBatchesResponse(totals=run.totals())


def pulling(database: Database, peers: Peers) -> Reactions:
    return Reactions(database=database, campaigns=peers, segments=peers)  # type: ignore[arg-type]


async def test_what_kafka_did_not_bring_is_asked_for(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    unknown, without_totals, gap = Run(sizes=(20,)), Run(sizes=(20,)), Run(sizes=(5, 6, 7))
    await announce(database, [without_totals.started(), without_totals.batch(0)])
    await announce(database, [gap.started(), gap.batch(0), gap.batch(2), gap.totals()])
    await start_process()

    await pulling(database, Peers([unknown, without_totals, gap])).pull_runs()

    for run in (unknown, without_totals, gap):
        assert violations(run, await at_rest(database, run), world) == []


async def test_one_damaged_batch_keeps_no_other_run_waiting(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    damaged, healthy = Run(sizes=(20,)), Run(sizes=(20,))
    await start_process()

    with pytest.raises(Conflict):
        await pulling(database, Peers([damaged, healthy], damaged=damaged)).pull_runs()

    assert violations(healthy, await at_rest(database, healthy), world) == []


async def test_one_run_that_cannot_be_swept_keeps_no_other_waiting(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    unreadable, cancelled, to_nobody = Run(sizes=(5,)), Run(sizes=(5,)), Run(sizes=())
    for run in (unreadable, cancelled):
        await Commands(database, run).cancel()
    await announce(database, [*unreadable.facts(), *cancelled.facts()])

    async def damage(tx: Transaction) -> None:
        await tx.raw.execute("UPDATE run SET fact = '\\xff' WHERE id = $1", unreadable.id)

    await database.transaction(damage)
    await announce(database, to_nobody.facts())
    await start_process()

    assert (await at_rest(database, cancelled)).state == CANCELLED
    assert (await at_rest(database, to_nobody)).state == COMPLETED
    assert not (await read_books(database, unreadable)).at_rest


async def test_one_run_whose_rows_do_not_add_up_keeps_no_other_waiting(
    database: Database, start_process: StartProcess
) -> None:
    short, to_nobody = Run(sizes=(20,)), Run(sizes=())
    await announce(database, short.facts())
    await database.transaction(lambda tx: tx.raw.execute("DELETE FROM due"))
    await announce(database, to_nobody.facts())

    await start_process()

    assert (await at_rest(database, to_nobody)).state == COMPLETED
    assert not (await read_books(database, short)).at_rest
