"""Owns the way from the outbox to Kafka: at least once, each event until it is acknowledged.

Never goes by "id greater than the last": commits arrive out of order. Rows are locked, sent, deleted, committed; a
crash in between sends them again, and the inbox on the other side knows their ids.
"""

from __future__ import annotations

import asyncio

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.runtime import metrics
from services.runtime.background import run_in_background
from services.runtime.database import Database, Transaction
from services.runtime.errors import Unavailable

log = structlog.get_logger()

BATCH_ROWS = 16  # of up to half a megabyte each
SEND_SECONDS = 10.0
SAFETY_SECONDS = 5.0  # how often to look without having been woken
MAX_RECORD_BYTES = 2 * 1024 * 1024

TAKE = """
DELETE FROM outbox WHERE event_id IN (
    SELECT event_id FROM outbox ORDER BY stored_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING event_id, topic, key, payload, request_id, extract(epoch FROM clock_timestamp() - stored_at) AS age
"""


class Relay:
    """Sends what the outbox holds, whenever it is woken."""

    def __init__(self, *, database: Database, kafka: str, wake: asyncio.Event) -> None:
        self._database = database
        self._kafka = kafka
        self._wake = wake
        self._producer: AIOKafkaProducer | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Begin sending."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """Send what is there, for five seconds at most, then end."""
        self._stopping = True
        self._wake.set()
        if self._task:
            await asyncio.wait([self._task], timeout=5)
            self._task.cancel()
        await self._drop_producer()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                sent = await self._database.transaction(self._send_some)
            except (KafkaError, OSError, TimeoutError, Unavailable) as error:
                log.warning("events could not be sent, trying again", problem=repr(error))
                await self._drop_producer()  # a sequence error sticks to a producer (aiokafka#1017)
                await asyncio.sleep(0.5)
                continue
            except Exception:
                log.exception("events could not be sent")
                await self._drop_producer()
                await asyncio.sleep(1.0)
                continue
            if sent == BATCH_ROWS:
                continue
            if self._stopping:
                return
            try:
                async with asyncio.timeout(SAFETY_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _send_some(self, tx: Transaction) -> int:
        rows = await tx.raw.fetch(TAKE, BATCH_ROWS)
        metrics.OUTBOX_AGE.set(max((float(row["age"]) for row in rows), default=0.0))
        if not rows:
            return 0
        async with asyncio.timeout(SEND_SECONDS):
            producer = await self._connected()
            acks = [
                await producer.send(
                    row["topic"],
                    value=row["payload"],
                    key=row["key"],
                    headers=[("event_id", row["event_id"]), ("request_id", row["request_id"].encode())],
                )
                for row in rows
            ]
            await asyncio.gather(*acks)
        for row in rows:
            metrics.EVENTS_PUBLISHED.labels(topic=row["topic"]).inc()
        return len(rows)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._kafka,
                enable_idempotence=True,
                max_request_size=MAX_RECORD_BYTES,
                request_timeout_ms=8000,
            )
            await self._producer.start()  # one that cannot start is dropped as one that failed later
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                async with asyncio.timeout(2):
                    await producer.stop()
            except (KafkaError, OSError, TimeoutError):
                log.warning("the producer did not close in time")
