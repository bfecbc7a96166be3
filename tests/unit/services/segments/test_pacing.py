from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import grpc
import pytest
from carillon.feeds.v1.backlog_feed_service_pb2 import CountBegunBatchesRequest, CountBegunBatchesResponse
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_HTTP, CHANNEL_PUSH

from services.segments.pacing import AHEAD, SLOWEST, Backlog, Pace, seconds_of

RUN = b"r" * 12
SIZE = 2_000
USUAL = seconds_of(SIZE, [CHANNEL_HTTP])


class Delivery:
    """Says what it is told to: how many batches were begun, call by call; the last of them from then on."""

    def __init__(self, *answers: int | BaseException, seconds: float = 0.0) -> None:
        self.asked: list[bytes] = []
        self._answers = list(answers)
        self._seconds = seconds

    async def count(self, request: CountBegunBatchesRequest) -> CountBegunBatchesResponse:
        self.asked.append(request.run)
        await asyncio.sleep(self._seconds)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return CountBegunBatchesResponse(count=answer)

    async def seconds_of_a_batch(self, *, batches: int, positions: int = SIZE) -> float:
        """How long a walk waits behind this batch."""
        backlog = Backlog(SimpleNamespace(CountBegunBatches=self.count))  # type: ignore[arg-type]
        began = time.monotonic()
        await Pace(backlog, run=RUN, channels=[CHANNEL_HTTP]).keep(began=began, positions=positions, batches=batches)
        return time.monotonic() - began


@pytest.mark.parametrize(
    ("channels", "seconds"),
    [
        pytest.param([CHANNEL_PUSH], 0.1, id="pushes are sent slowly"),
        pytest.param([CHANNEL_PUSH, CHANNEL_EMAIL], 1 / 40, id="the quicker of two ways counts"),
        pytest.param([CHANNEL_PUSH, CHANNEL_HTTP], 1 / 64, id="calls of many are nearly as quick as freezing"),
        pytest.param([CHANNEL_PUSH, 99], 0.0, id="of a way without a pace nothing is known"),
    ],
)
def test_a_walk_stands_back_where_sending_is_slower_anyway(channels: list[int], seconds: float) -> None:
    assert seconds_of(1_000, channels) == pytest.approx(seconds)


async def test_what_is_little_ahead_of_the_sending_asks_nobody() -> None:
    delivery = Delivery(0)

    seconds = await delivery.seconds_of_a_batch(batches=AHEAD - 1)

    assert delivery.asked == []
    assert seconds >= USUAL


async def test_a_walk_that_is_far_ahead_waits_for_the_sending() -> None:
    delivery = Delivery(0, 1)

    await delivery.seconds_of_a_batch(batches=AHEAD, positions=SIZE * 32)  # for a second at least, and three at most

    assert delivery.asked == [RUN, RUN]


@pytest.mark.parametrize("delivery", [Delivery(0), Delivery(0, seconds=60)], ids=["paused", "silent"])
async def test_a_walk_goes_on_however_little_is_sent(delivery: Delivery) -> None:
    async with asyncio.timeout(10):
        seconds = await delivery.seconds_of_a_batch(batches=1000)

    assert delivery.asked
    assert seconds >= USUAL / SLOWEST


async def test_a_walk_goes_on_where_delivery_is_away() -> None:
    nothing = grpc.aio.Metadata()
    delivery = Delivery(grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing))

    await delivery.seconds_of_a_batch(batches=1000)

    assert delivery.asked == [RUN]
