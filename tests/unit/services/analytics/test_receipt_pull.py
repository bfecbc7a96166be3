"""Receipts are pulled when Kafka is late with them, and only then."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest
from carillon.events.v1.message_receipts_pb2 import ReceiptBatch
from carillon.feeds.v1 import outcome_feed_service_pb2 as feed

from services.analytics import receipt_repository, use_cases
from services.analytics.receipt_pull import EVER, OVERLAP, ReceiptPull

RUN = b"r" * 12
NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)


class Delivery:
    """Has so many receipts of one run."""

    def __init__(self) -> None:
        self.count = 0
        self.asked_since: list[datetime.datetime] = []
        self.pulled: list[bytes] = []

    async def StreamReceiptCounts(
        self, request: Any, timeout: float
    ) -> AsyncIterator[feed.StreamReceiptCountsResponse]:
        self.asked_since.append(request.change_time.ToDatetime(datetime.UTC))
        answer = feed.StreamReceiptCountsResponse(runs=[RUN], counts=[self.count])
        answer.read_time.FromDatetime(NOW)
        yield answer

    async def StreamReceipts(self, request: Any, timeout: float) -> AsyncIterator[feed.StreamReceiptsResponse]:
        self.pulled.append(request.run)
        yield feed.StreamReceiptsResponse(batch=ReceiptBatch(run=request.run, positions=list(range(self.count))))


class Here:
    """Stands in for analytics' own database."""

    def __init__(self) -> None:
        self.count = 0

    async def transaction(self, work: Any) -> Any:
        return await work(self)

    async def read(self, work: Any) -> Any:
        return await work(self)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    async def counts(tx: Here, runs: list[bytes]) -> dict[bytes, int]:
        return {RUN: tx.count} if RUN in runs and tx.count else {}

    async def record(tx: Here, event: ReceiptBatch) -> None:
        tx.count = len(event.positions)

    monkeypatch.setattr(receipt_repository, "counts", counts)
    monkeypatch.setattr(use_cases, "record_receipts", record)
    return Here()


@pytest.fixture
def delivery() -> Delivery:
    return Delivery()


@pytest.fixture
def pull(here: Here, delivery: Delivery) -> ReceiptPull:
    return ReceiptPull(database=here, outcomes=delivery)  # type: ignore[arg-type]


async def test_what_kafka_brings_is_not_pulled(pull: ReceiptPull, here: Here, delivery: Delivery) -> None:
    for brought in range(1, 5):
        delivery.count += 1
        await pull.ask()
        here.count = brought

    assert delivery.pulled == []


async def test_what_is_still_missing_the_next_time_is_pulled_once(
    pull: ReceiptPull, here: Here, delivery: Delivery
) -> None:
    delivery.count = 3
    for _ in range(4):
        await pull.ask()

    assert delivery.pulled == [RUN]
    assert here.count == 3


async def test_a_run_that_never_rests_is_pulled_all_the_same(pull: ReceiptPull, here: Here, delivery: Delivery) -> None:
    for _ in range(2):
        delivery.count += 5
        await pull.ask()

    assert delivery.pulled == [RUN]


async def test_everything_is_asked_first_and_then_what_is_new(pull: ReceiptPull, delivery: Delivery) -> None:
    await pull.ask()
    await pull.ask()

    assert delivery.asked_since == [EVER, NOW - OVERLAP]
