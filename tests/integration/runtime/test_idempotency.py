"""Answers kept by their keys, on PostgreSQL: with their effect or not at all, for a day, once for all at once."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from google.protobuf.message import Message

from services.runtime import ids
from services.runtime.clock import SystemClock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Conflict, DomainError, NotFound
from services.runtime.idempotency import KEPT, Idempotency, Once
from tests.integration.campaigns.operators import MovableClock

ANSWER = Campaign(name="first")
OTHER_DIGEST = b"other"


class Shop:
    """Sells one thing a call; a sale is a row of the outbox."""

    def __init__(self, database: Database, *, secret: bytes | None = None) -> None:
        self.database = database
        self.clock = MovableClock()
        self.idempotency = Idempotency(database=database, clock=self.clock, services=(), secret=secret)
        self.tenant = ids.new_id()

    def once(self, key: str = "k", digest: bytes = b"same") -> Once:
        return Once(tenant=self.tenant, key=key, digest=digest)

    async def sell(self, answer: Campaign = ANSWER, *, refused: DomainError | None = None) -> Message:
        """What a command does: its effect and its answer are one transaction."""

        async def work(tx: Transaction) -> Campaign:
            await tx.raw.execute(
                "INSERT INTO outbox (event_id, topic, key, payload, request_id) VALUES ($1, 'shop', $2, '', '')",
                ids.new_id(),
                self.tenant,
            )
            if refused is not None:
                raise refused
            return answer

        return await self.idempotency.transaction(Campaign, work)

    async def sales(self) -> int:
        async def work(tx: Transaction) -> int:
            return int(await tx.raw.fetchval("SELECT count(*) FROM outbox WHERE key = $1", self.tenant))

        return await self.database.transaction(work)

    async def kept(self) -> list[bytes]:
        question = "SELECT answer FROM idempotency WHERE tenant = $1"
        rows = await self.database.transaction(lambda tx: tx.raw.fetch(question, self.tenant))
        return [row["answer"] for row in rows]


@pytest.fixture
def shop(connect: Callable[..., Database]) -> Shop:
    return Shop(connect("campaigns", pool_size=8))


async def told(answer: Awaitable[Message | bytes]) -> Campaign:
    given = await answer
    return Campaign.FromString(given if isinstance(given, bytes) else given.SerializeToString())


async def test_a_key_is_used_once_however_many_use_it_at_once(shop: Shop) -> None:
    def use(number: int) -> Awaitable[Campaign]:
        return told(shop.idempotency.give(shop.once(), lambda: shop.sell(Campaign(name=str(number)))))

    answers = await asyncio.gather(*(use(number) for number in range(8)))

    assert len({answer.name for answer in answers}) == 1
    assert await shop.sales() == 1


async def test_another_request_with_the_key_has_no_effect_though_it_comes_at_the_same_time(shop: Shop) -> None:
    answers = await asyncio.gather(
        *(shop.idempotency.give(shop.once(digest=digest), shop.sell) for digest in (b"same", OTHER_DIGEST)),
        return_exceptions=True,
    )

    (refused,) = [answer for answer in answers if isinstance(answer, Conflict)]
    assert refused.reason == "IDEMPOTENCY_KEY_REUSED"
    assert await shop.sales() == 1


async def test_what_was_refused_may_be_tried_again(shop: Shop) -> None:
    with pytest.raises(NotFound):
        await shop.idempotency.give(shop.once(), lambda: shop.sell(refused=NotFound("GONE", "Gone.")))
    assert (await shop.sales(), await shop.kept()) == (0, [])

    assert await told(shop.idempotency.give(shop.once(), shop.sell)) == ANSWER
    assert await shop.sales() == 1


async def test_who_is_refused_because_the_same_request_was_quicker_gets_its_answer(shop: Shop) -> None:
    async def too_late() -> Message:
        await shop.idempotency.give(shop.once(), shop.sell)
        raise Conflict("SOLD", "It is sold.")

    late = asyncio.create_task(told(shop.idempotency.give(shop.once(), too_late)))

    assert await late == ANSWER
    assert await shop.sales() == 1


async def test_a_key_is_free_again_after_a_day(shop: Shop) -> None:
    await shop.idempotency.give(shop.once(), shop.sell)
    shop.clock.ahead = KEPT - datetime.timedelta(minutes=1)
    await shop.idempotency.give(shop.once(), shop.sell)
    assert await shop.sales() == 1

    shop.clock.ahead = KEPT + datetime.timedelta(minutes=1)
    await shop.idempotency.give(shop.once(digest=OTHER_DIGEST), shop.sell)
    assert await shop.sales() == 2

    shop.clock.ahead *= 3
    await shop.idempotency.forget()
    assert await shop.kept() == []


async def test_of_commands_that_may_be_done_twice_the_first_answer_is_everybodys(shop: Shop) -> None:
    first_is_kept = asyncio.Event()

    async def by_nature(number: int) -> Message:
        if number:
            await first_is_kept.wait()
        return Campaign(name=str(number))

    async def give(number: int) -> Message:
        answer = await told(shop.idempotency.give(shop.once(), lambda: by_nature(number)))
        first_is_kept.set()
        return answer

    answers = await asyncio.gather(*map(give, range(6)))

    assert answers == [Campaign(name="0")] * 6


async def test_a_tenants_keys_are_its_own(shop: Shop) -> None:
    await shop.idempotency.give(shop.once(), shop.sell)
    shop.tenant = ids.new_id()

    await shop.idempotency.give(shop.once(digest=OTHER_DIGEST), shop.sell)

    assert await shop.sales() == 1


async def test_sealed_answers_are_read_with_their_own_secret_only(connect: Callable[..., Database]) -> None:
    database = connect("campaigns")
    shop = Shop(database, secret=bytes(32))
    await shop.idempotency.give(shop.once(), shop.sell)

    (stored,) = await shop.kept()
    assert ANSWER.SerializeToString() not in stored
    assert await told(shop.idempotency.give(shop.once(), shop.sell)) == ANSWER

    other = Idempotency(database=database, clock=SystemClock(), services=(), secret=bytes(range(32)))
    with pytest.raises(Conflict) as refused:
        await other.give(shop.once(), shop.sell)
    assert refused.value.reason == "IDEMPOTENCY_ANSWER_LOST"
