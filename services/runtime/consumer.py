"""Owns the way from Kafka to a handler: decode, inbox and effect in one transaction, then commit the offset.

Three outcomes only. Done: the effect is committed. Retry: a part is down; the record is tried again until it is not.
Park: the record cannot be digested; it goes to the dead letters. Never logs and goes on.

An offset is committed only after every record before it is done or parked, and once a second for all of them. A
rebalance or a death costs repeats, which the inbox swallows. Handlers must not count on order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from google.protobuf.message import DecodeError, Message

from services.runtime import inbox, metrics
from services.runtime.background import run_in_background
from services.runtime.database import Database, Transaction
from services.runtime.dead_letters import park
from services.runtime.errors import DomainError, Unavailable

log = structlog.get_logger()

POLL_MS = 1000
FETCH_WAIT_MS = 200
ATTEMPTS_BEFORE_PARKING = 5
STUCK_SECONDS = 30.0
COMMIT_EVERY = 1.0
COMMIT_SECONDS = 5.0
RESTART_SECONDS = 0.5

Handler = Callable[[Transaction, Any], Awaitable[None]]


def everything(_: Any) -> bool:
    """All records are of interest."""
    return True


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic and what is done with its records, inside the transaction that also marks them as seen."""

    topic: str
    message: type[Message]
    handle: Handler
    concerns: Callable[[Any], bool] = everything  # no: this service has nothing to do about the record, nor to remember


class Consumer:
    """Reads a service's topics, one record at a time, for as long as the process lives."""

    def __init__(
        self,
        *,
        database: Database,
        kafka: str,
        group: str,
        subscriptions: Sequence[Subscription],
        topics_made: asyncio.Event,
    ) -> None:
        self._database = database
        self._kafka = kafka
        self._group = group
        self._subscriptions: Mapping[str, Subscription] = {item.topic: item for item in subscriptions}
        self._topics_made = topics_made
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._progress = time.monotonic()
        self._busy_since: float | None = None
        self._done: dict[TopicPartition, int] = {}  # the offset behind the last record that is done, not yet committed
        self._committed_at = 0.0

    async def start(self) -> None:
        """Begin reading."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """Finish the record at hand and leave the group: a member that just vanishes stalls the next start."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=10)

    def problem(self) -> str:
        """Why the process should be restarted: a backlog and no progress for 30 s; empty where all is well."""
        if time.monotonic() - self._progress < STUCK_SECONDS or not self._lags():
            return ""
        return f"{self._group}: records are waiting and none was read for {STUCK_SECONDS:.0f} s"

    def _lags(self) -> bool:
        consumer = self._consumer
        if consumer is None or self._busy_since is not None:
            return False  # not connected, or waiting for a part that is down: a restart would not help
        for partition in consumer.assignment():
            highwater = consumer.highwater(partition)
            state = consumer._subscription.subscription.assignment.state_value(partition)
            if highwater is not None and state is not None and state.has_valid_position and state.position < highwater:
                return True
        return False

    async def _run(self) -> None:
        await self._topics_made.wait()
        while True:
            try:
                await self._read_until_lost()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("consumer lost, joining again", problem=repr(error))
            await asyncio.sleep(RESTART_SECONDS)

    async def _read_until_lost(self) -> None:
        consumer = AIOKafkaConsumer(
            *self._subscriptions,
            bootstrap_servers=self._kafka,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=2 * 1024 * 1024,
            fetch_max_bytes=8 * 1024 * 1024,
            max_poll_records=16,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000,
            request_timeout_ms=15_000,
            metadata_max_age_ms=5_000,
        )
        try:
            async with asyncio.timeout(20):
                await consumer.start()
            self._consumer = consumer
            while True:
                await self._read_some(consumer)
        finally:
            self._consumer = None
            await self._commit(consumer)
            await _stop(consumer)

    async def _read_some(self, consumer: AIOKafkaConsumer) -> None:
        batches = await consumer.getmany(timeout_ms=POLL_MS)
        for partition, records in batches.items():
            for record in records:
                await self._digest(record)
                self._done[partition] = record.offset + 1
        if self._done and time.monotonic() - self._committed_at >= COMMIT_EVERY:
            await self._commit(consumer)
        if batches or not self._lags():
            self._progress = time.monotonic()

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        assigned = consumer.assignment()
        offsets = {partition: offset for partition, offset in self._done.items() if partition in assigned}
        self._done, self._committed_at = {}, time.monotonic()
        if not offsets:
            return
        try:
            async with asyncio.timeout(COMMIT_SECONDS):  # commit() retries for ever by itself
                await consumer.commit(offsets)
        except (KafkaError, TimeoutError) as error:  # a rebalance: whoever has the partition now reads them again
            log.info("offsets not committed", problem=repr(error))

    async def _digest(self, record: ConsumerRecord[bytes, bytes]) -> None:
        headers = dict(record.headers)
        event_id = headers.get("event_id") or _place(record)
        request_id = (headers.get("request_id") or b"").decode(errors="replace")
        structlog.contextvars.bind_contextvars(event_id=event_id.hex(), request_id=request_id)
        attempt = defects = 0
        while True:
            attempt += 1
            try:
                await self._apply(record, event_id)
                break
            except DecodeError as error:
                problem = f"undecodable: {error}"
            except Unavailable as error:
                self._busy_since = self._busy_since or time.monotonic()
                log.warning("event waits", topic=record.topic, problem=error.message)
                problem = ""
            except DomainError as error:
                problem = f"{error.reason}: {error.message}"
            except Exception as error:  # a defect of ours: loud, tried again, and then kept for a person
                defects += 1
                log.exception("event failed", topic=record.topic, attempt=attempt)
                problem = repr(error) if defects >= ATTEMPTS_BEFORE_PARKING else ""
            if problem:
                await self._park(record, event_id, problem)
                break
            metrics.EVENT_RETRIES.labels(topic=record.topic).inc()
            await asyncio.sleep(min(0.2 * attempt, 2.0))
        self._busy_since = None
        self._progress = time.monotonic()
        structlog.contextvars.unbind_contextvars("event_id", "request_id")

    async def _apply(self, record: ConsumerRecord[bytes, bytes], event_id: bytes) -> None:
        subscription = self._subscriptions[record.topic]
        message = subscription.message()
        message.ParseFromString(record.value or b"")
        if not subscription.concerns(message):
            return

        async def work(tx: Transaction) -> None:
            if await inbox.first_sight(tx, event_id):
                await subscription.handle(tx, message)

        await self._database.transaction(work)
        metrics.EVENTS_CONSUMED.labels(topic=record.topic).inc()

    async def _park(self, record: ConsumerRecord[bytes, bytes], event_id: bytes, problem: str) -> None:
        while True:
            try:
                await park(
                    self._database,
                    event_id=event_id,
                    topic=record.topic,
                    key=record.key or b"",
                    payload=record.value or b"",
                    problem=problem,
                )
                return
            except Unavailable:
                await asyncio.sleep(1.0)


def _place(record: ConsumerRecord[bytes, bytes]) -> bytes:
    """The id of a record that names none: where it stands and since when, which a log that was lost does not repeat."""
    return f"{record.topic}:{record.partition}:{record.offset}:{record.timestamp}".encode()


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(5):
            await consumer.stop()
    except (KafkaError, OSError, TimeoutError):
        log.warning("the consumer did not leave its group in time")
