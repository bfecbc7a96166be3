"""Owns that the topics exist: made at start, and made again should a broker come back without them.

Never changes or deletes a topic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from services.runtime.background import run_in_background

log = structlog.get_logger()

CHECK_SECONDS = 10.0


class TopicSpec(Protocol):
    """What the keeper needs to know of a topic."""

    @property
    def name(self) -> str: ...
    @property
    def partitions(self) -> int: ...
    @property
    def retention_ms(self) -> int: ...


class TopicKeeper:
    """Makes missing topics, now and every ten seconds."""

    def __init__(self, *, kafka: str, topics: Sequence[TopicSpec], replication: int) -> None:
        self._kafka = kafka
        self._topics = topics
        self._replication = replication
        self._task: asyncio.Task[None] | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self.made = asyncio.Event()  # a consumer that joins before its topics exist finds them only much later

    async def start(self) -> None:
        """Begin keeping."""
        self._task = run_in_background(self._run())

    async def stop(self) -> None:
        """End keeping."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._drop_admin()

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(8):
                    await self._make_missing()
                self.made.set()
                pause = CHECK_SECONDS
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("topics could not be checked", problem=repr(error))
                await self._drop_admin()
                pause = 1.0
            await asyncio.sleep(pause)

    async def _make_missing(self) -> None:
        if self._admin is None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka, request_timeout_ms=5000)
            await admin.start()
            self._admin = admin
        known = set(await self._admin.list_topics())
        missing = [topic for topic in self._topics if topic.name not in known]
        if not missing:
            return
        try:
            await self._admin.create_topics([self._new(topic) for topic in missing])
        except TopicAlreadyExistsError:
            return  # another process was quicker
        log.info("topics made", topics=[topic.name for topic in missing])

    def _new(self, topic: TopicSpec) -> NewTopic:
        return NewTopic(
            topic.name,
            num_partitions=topic.partitions,
            replication_factor=self._replication,
            topic_configs={"retention.ms": str(topic.retention_ms), "max.message.bytes": str(2 * 1024 * 1024)},
        )

    async def _drop_admin(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            try:
                async with asyncio.timeout(2):
                    await admin.close()
            except (KafkaError, OSError, TimeoutError):
                log.warning("the admin connection did not close in time")
