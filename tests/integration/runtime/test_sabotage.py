"""The proof that events are kept would notice: each mechanism is broken on purpose, and the proof says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from aiokafka import AIOKafkaConsumer
from google.protobuf.wrappers_pb2 import StringValue

from services.runtime import inbox
from services.runtime.consumer import Consumer
from services.runtime.database import Transaction
from tests.integration.runtime.hop import Hop, take_effect, violations
from tests.integration.waiting import eventually

PUBLISHED = ["one", "two", "three", "last"]
Sabotage = Callable[[pytest.MonkeyPatch], None]
Trouble = Callable[[Hop, pytest.MonkeyPatch], Awaitable[None]]


async def die_while_handling(hop: Hop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer is killed in the middle of an effect; another goes on."""
    inside = asyncio.Event()

    async def handle(tx: Transaction, event: StringValue) -> None:
        if event.value == "two":
            inside.set()
            await asyncio.Event().wait()
        await take_effect(tx, event)

    first = await hop.start_consumer(handle)
    await inside.wait()
    await first.stop()
    for transaction in list(hop.consumer._running):  # a transaction outlives its caller, but not its process
        transaction.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await transaction
    await hop.start_consumer()


async def die_before_the_commit(hop: Hop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer is killed between its effects and the commit of their offset; another goes on."""
    reached = asyncio.Event()

    async def die(*_: object) -> None:
        if reached.is_set():
            return  # the dead commit nothing when they are stopped
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as dying:
        dying.setattr(Consumer, "_commit", die)
        consumer = await hop.start_consumer()
        await reached.wait()
        await consumer.stop()
    await hop.start_consumer()


def commit_before_the_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read_some(self: Consumer, consumer: AIOKafkaConsumer) -> None:
        for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
            self._done[partition] = records[-1].offset + 1
            await self._commit(consumer)
            for record in records:
                await self._digest(record)

    monkeypatch.setattr(Consumer, "_read_some", read_some)


def no_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    async def always(tx: Transaction, event_id: bytes) -> bool:
        return True

    monkeypatch.setattr(inbox, "first_sight", always)


def inbox_apart_from_the_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen is remembered at once, in a transaction of its own."""
    apply = Consumer._apply

    async def remember_first(self: Consumer, record: object, event_id: bytes) -> None:
        if await self._database.transaction(lambda tx: inbox.first_sight(tx, event_id)):
            await apply(self, record, b"apart" + event_id)  # type: ignore[arg-type]

    monkeypatch.setattr(Consumer, "_apply", remember_first)


async def what_the_proof_says(hop: Hop, trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Publish, make trouble, let it settle."""
    await hop.start_relay()
    await hop.publish(*PUBLISHED[:-1])
    await eventually(hop.waiting, lambda count: count == 0)
    await trouble(hop, monkeypatch)
    await hop.publish(PUBLISHED[-1])
    return violations(PUBLISHED, await eventually(hop.effects, lambda effects: PUBLISHED[-1] in effects))


@pytest.mark.parametrize("trouble", [die_while_handling, die_before_the_commit])
async def test_with_every_mechanism_in_place_the_proof_holds(
    hop: Hop, monkeypatch: pytest.MonkeyPatch, trouble: Trouble
) -> None:
    assert await what_the_proof_says(hop, trouble, monkeypatch) == []


@pytest.mark.parametrize(
    ("sabotage", "trouble", "violation"),
    [
        (commit_before_the_effect, die_while_handling, "two was lost"),
        (no_inbox, die_before_the_commit, "one took effect 2 times"),
        (inbox_apart_from_the_effect, die_while_handling, "two was lost"),
    ],
)
async def test_the_proof_notices(
    hop: Hop, monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, trouble: Trouble, violation: str
) -> None:
    sabotage(monkeypatch)

    assert violation in await what_the_proof_says(hop, trouble, monkeypatch)
