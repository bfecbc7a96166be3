"""Owns one hop of an event as the product makes it: outbox, relay, Kafka, consumer, inbox, effect."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from google.protobuf.wrappers_pb2 import StringValue

from services.runtime import outbox
from services.runtime.consumer import Consumer, Subscription, everything
from services.runtime.database import Database, Transaction
from services.runtime.notifications import Notifications
from services.runtime.relay import Relay

Handler = Callable[[Transaction, StringValue], Awaitable[None]]


@dataclass(frozen=True)
class OwnTopic:
    """A topic that no other test knows; one partition, so that order can be seen."""

    name: str = field(default_factory=lambda: f"test-{uuid.uuid4()}")
    partitions: int = 1
    retention_ms: int = 60_000


async def take_effect(tx: Transaction, event: StringValue) -> None:
    """What the handler of these tests does: one row each time."""
    await tx.raw.execute("INSERT INTO effect (value) VALUES ($1)", event.value)


async def _run(statement: str, tx: Transaction) -> None:
    await tx.raw.execute(statement)


class Hop:
    """A producer's database, a topic and a consumer's database; relays and consumers come and go."""

    def __init__(self, *, producer: Database, consumer: Database, kafka: str) -> None:
        self.producer = producer
        self.consumer = consumer
        self.kafka = kafka
        self.topic = OwnTopic()
        self.group = f"group-{uuid.uuid4()}"
        self._notifications = Notifications(producer)
        self._wake = self._notifications.listen(outbox.CHANNEL)
        self._running: list[Relay | Consumer] = []

    async def prepare(self) -> None:
        """Nothing of an earlier test is left."""
        await self._notifications.start()
        await self.producer.transaction(partial(_run, "TRUNCATE outbox"))
        for statement in (
            "TRUNCATE inbox, dead_letter",
            "CREATE TABLE IF NOT EXISTS effect (number bigint GENERATED ALWAYS AS IDENTITY, value text NOT NULL)",
            "TRUNCATE effect",
        ):
            await self.consumer.transaction(partial(_run, statement))

    async def clear(self) -> None:
        """Stop what runs, leave nothing."""
        for part in self._running:
            await part.stop()
        await self._notifications.stop()
        await self.producer.transaction(partial(_run, "TRUNCATE outbox"))
        await self.consumer.transaction(partial(_run, "DROP TABLE effect"))

    async def publish(self, *values: str, event_id: bytes | None = None) -> None:
        """Events in a transaction of their own each."""
        for value in values:

            async def work(tx: Transaction, value: str = value) -> None:
                await self.publish_in(tx, value, event_id=event_id)

            await self.producer.transaction(work)

    async def publish_in(self, tx: Transaction, value: str, *, event_id: bytes | None = None) -> None:
        """An event in the caller's transaction."""
        event = StringValue(value=value)
        await outbox.publish(tx, topic=self.topic.name, key=b"key", event=event, event_id=event_id)

    async def start_relay(self) -> Relay:
        """Begin sending; stopped with the hop."""
        relay = Relay(database=self.producer, kafka=self.kafka, wake=self._wake)
        await relay.start()
        self._running.append(relay)
        return relay

    async def start_consumer(
        self,
        handle: Handler = take_effect,
        *,
        topics: Sequence[str] = (),
        concerns: Callable[[StringValue], bool] = everything,
    ) -> Consumer:
        """Begin reading; stopped with the hop."""
        made = asyncio.Event()
        made.set()
        consumer = Consumer(
            database=self.consumer,
            kafka=self.kafka,
            group=self.group,
            subscriptions=[Subscription(topic, StringValue, handle, concerns) for topic in topics or [self.topic.name]],
            topics_made=made,
        )
        await consumer.start()
        self._running.append(consumer)
        return consumer

    async def effects(self) -> list[str]:
        """What has taken effect, in order."""
        rows = await self.consumer.transaction(lambda tx: tx.raw.fetch("SELECT value FROM effect ORDER BY number"))
        return [row["value"] for row in rows]

    async def waiting(self) -> int:
        """Events that are still in the outbox."""
        return int(await self.producer.transaction(lambda tx: tx.raw.fetchval("SELECT count(*) FROM outbox")))

    async def seen(self) -> int:
        """Events that the consumer's inbox knows."""
        return int(await self.consumer.read(lambda tx: tx.raw.fetchval("SELECT count(*) FROM inbox")))

    async def parked(self) -> list[tuple[str, bytes, str]]:
        """(topic, payload, problem) of what was parked, in order."""
        question = "SELECT topic, payload, problem FROM dead_letter ORDER BY parked_at"
        rows = await self.consumer.transaction(lambda tx: tx.raw.fetch(question))
        return [(row["topic"], row["payload"], row["problem"]) for row in rows]


def violations(published: Sequence[str], effects: Sequence[str]) -> list[str]:
    """The proof: what was published has taken effect, once, and nothing else has."""
    wanted, had = Counter(published), Counter(effects)
    return [
        *(f"{value} was lost" for value in wanted if not had[value]),
        *(f"{value} took effect {had[value]} times" for value in wanted if had[value] > 1),
        *(f"{value} was never published" for value in had if value not in wanted),
    ]
