"""Owns looking into Kafka from outside: what a topic holds, how far a group has committed, records of strangers."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

Headers = Sequence[tuple[str, bytes | None]]


async def records_of(kafka: str, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Every record of a topic of one partition, in order."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        end = (await consumer.end_offsets([partition]))[partition]
        return [await consumer.getone() for _ in range(end)]
    finally:
        await consumer.stop()


async def committed(kafka: str, group: str, topic: str) -> int:
    """The offset from which the group would go on; 0 where it has committed none."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
        known = offsets.get(TopicPartition(topic, 0))
        return known.offset if known else 0
    finally:
        await admin.close()


async def partitions_of(kafka: str, topic: str) -> int:
    """How many partitions the topic has; 0 where there is none of that name."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        (described,) = await admin.describe_topics([topic])
        return len(described["partitions"])
    finally:
        await admin.close()


async def delete_topic(kafka: str, topic: str) -> None:
    """As a broker that came back without its log would have it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_topics([topic])
    finally:
        await admin.close()


async def write(kafka: str, topic: str, value: bytes | None, *, headers: Headers = ()) -> None:
    """A record that did not come through our outbox."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value=value, key=b"stranger", headers=list(headers))
    finally:
        await producer.stop()
