"""Events from an outbox to an effect, through a real Kafka, with the faults that happen on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from services.runtime import consumer as consumer_module
from services.runtime import topic_keeper
from services.runtime.consumer import Consumer
from services.runtime.database import Database, Transaction
from services.runtime.errors import Conflict, Unavailable
from services.runtime.topic_keeper import TopicKeeper
from tests.integration.conftest import Servers
from tests.integration.runtime.hop import Hop, OwnTopic, take_effect, violations
from tests.integration.runtime.kafka_log import committed, delete_topic, partitions_of, records_of, write
from tests.integration.waiting import eventually


def has(*values: str) -> Callable[[list[str]], bool]:
    return lambda effects: set(values) <= set(effects)


async def test_an_event_takes_effect_once_and_leaves_the_outbox(hop: Hop) -> None:
    await hop.start_relay()
    await hop.start_consumer()

    await hop.publish("one", "two", "three")
    effects = await eventually(hop.effects, has("one", "two", "three"))

    assert effects == ["one", "two", "three"]
    await eventually(hop.waiting, lambda count: count == 0)


async def test_an_event_of_a_transaction_that_rolled_back_never_appears(hop: Hop) -> None:
    await hop.start_relay()

    async def work(tx: Transaction) -> None:
        await hop.publish_in(tx, "never")
        await asyncio.sleep(0.3)  # long enough for a relay that could see it
        raise LookupError("no")

    with pytest.raises(LookupError):
        await hop.producer.transaction(work)
    await hop.publish("after")
    await eventually(hop.waiting, lambda count: count == 0)

    values = [
        StringValue.FromString(record.value or b"").value for record in await records_of(hop.kafka, hop.topic.name)
    ]
    assert values == ["after"]


async def test_events_that_commit_out_of_order_all_appear(hop: Hop) -> None:
    await hop.start_relay()
    stored, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        await hop.publish_in(tx, "began first")
        stored.set()
        await go_on.wait()

    beginning = asyncio.create_task(hop.producer.transaction(slow))
    await stored.wait()
    await hop.publish("ended first")
    await eventually(hop.waiting, lambda count: count == 0)
    go_on.set()
    await beginning
    await hop.start_consumer()

    assert await eventually(hop.effects, has("began first")) == ["ended first", "began first"]


async def test_the_same_event_published_twice_is_one(hop: Hop) -> None:
    await hop.publish("once", "once", event_id=b"the same")

    assert await hop.waiting() == 1


async def test_a_relay_that_dies_between_the_acknowledgement_and_the_delete_repeats_and_the_effect_is_one(
    hop: Hop, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = await hop.start_relay()
    send_some, deaths = relay._send_some, 0

    async def send_and_die(tx: Transaction) -> int:
        nonlocal deaths
        sent = await send_some(tx)
        if sent and not deaths:
            deaths += 1
            await _kill_backend(servers, tx)
        return sent

    monkeypatch.setattr(relay, "_send_some", send_and_die)
    await hop.publish("one")
    await eventually(hop.waiting, lambda count: count == 0)
    await hop.publish("last")
    await hop.start_consumer()
    effects = await eventually(hop.effects, has("last"))

    records = await records_of(hop.kafka, hop.topic.name)
    assert [StringValue.FromString(record.value or b"").value for record in records] == ["one", "one", "last"]
    assert dict(records[0].headers)["event_id"] == dict(records[1].headers)["event_id"]
    assert violations(["one", "last"], effects) == []


async def _kill_backend(servers: Servers, tx: Transaction) -> None:
    connection = await asyncpg.connect(servers.admin_dsn())
    await connection.execute("SELECT pg_terminate_backend($1, 1000)", tx.raw.get_server_pid())
    await connection.close()


async def test_a_record_that_cannot_be_decoded_is_parked_and_the_next_one_is_handled(hop: Hop) -> None:
    await hop.start_relay()
    await hop.start_consumer()

    await write(hop.kafka, hop.topic.name, b"\xff\xff", headers=[("event_id", b"damaged")])
    await hop.publish("next")
    effects = await eventually(hop.effects, has("next"))

    assert effects == ["next"]
    ((topic, payload, problem),) = await hop.parked()
    assert (topic, payload) == (hop.topic.name, b"\xff\xff")
    assert problem.startswith("undecodable: ")
    await eventually(lambda: committed(hop.kafka, hop.group, hop.topic.name), lambda offset: offset == 2)


async def test_records_without_our_header_are_told_apart_by_where_they_stand(hop: Hop, servers: Servers) -> None:
    other = OwnTopic()
    keeper = TopicKeeper(kafka=servers.kafka, topics=[other], replication=1)
    await keeper.start()
    await keeper.made.wait()
    await keeper.stop()
    await hop.start_consumer(topics=[hop.topic.name, other.name])

    for topic in (hop.topic.name, other.name):
        await write(hop.kafka, topic, StringValue(value=topic).SerializeToString())
        await write(hop.kafka, topic, b"\xff\xff", headers=[("event_id", None), ("request_id", None)])
        await write(hop.kafka, topic, StringValue(value=f"{topic} again").SerializeToString())
    await eventually(hop.effects, has(f"{hop.topic.name} again", f"{other.name} again"))

    assert has(hop.topic.name, other.name)(await hop.effects())
    assert sorted(topic for topic, _, _ in await hop.parked()) == sorted([hop.topic.name, other.name])


async def test_a_handler_that_refuses_parks_the_record_with_its_reason(hop: Hop) -> None:
    async def handle(tx: Transaction, event: StringValue) -> None:
        await take_effect(tx, event)
        if event.value == "changed":
            raise Conflict("BATCH_CHANGED", "it came with another digest")

    await hop.start_relay()
    await hop.start_consumer(handle)
    await hop.publish("changed", "next")
    effects = await eventually(hop.effects, has("next"))

    assert effects == ["next"]
    assert [problem for _, _, problem in await hop.parked()] == ["BATCH_CHANGED: it came with another digest"]


async def test_a_handler_that_waits_for_a_part_is_tried_until_it_works_and_nothing_is_skipped(hop: Hop) -> None:
    tries = 0

    async def handle(tx: Transaction, event: StringValue) -> None:
        nonlocal tries
        await take_effect(tx, event)
        if event.value == "two":
            tries += 1
            if tries <= 3:
                raise Unavailable("PART_DOWN", "A part is down.")

    await hop.start_relay()
    await hop.start_consumer(handle)
    await hop.publish("one", "two", "three")
    effects = await eventually(hop.effects, has("three"))

    assert effects == ["one", "two", "three"]
    assert tries == 4
    assert await hop.parked() == []


async def test_a_defect_is_tried_again_and_then_parked(hop: Hop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "ATTEMPTS_BEFORE_PARKING", 3)
    tries = 0

    async def handle(tx: Transaction, event: StringValue) -> None:
        nonlocal tries
        if event.value == "defect":
            tries += 1
            raise LookupError("a defect")
        await take_effect(tx, event)

    await hop.start_relay()
    await hop.start_consumer(handle)
    await hop.publish("defect", "next")
    await eventually(hop.effects, has("next"))

    assert tries == 3
    assert [problem for _, _, problem in await hop.parked()] == ["LookupError('a defect')"]


async def test_a_part_that_was_down_for_long_uses_up_none_of_the_tries(
    hop: Hop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "ATTEMPTS_BEFORE_PARKING", 2)
    troubles = [Unavailable("PART_DOWN", "A part is down."), Unavailable("PART_DOWN", "A part is down."), LookupError()]

    async def handle(tx: Transaction, event: StringValue) -> None:
        if troubles:
            raise troubles.pop(0)
        await take_effect(tx, event)

    await hop.start_relay()
    await hop.start_consumer(handle)
    await hop.publish("one")
    await eventually(hop.effects, has("one"))

    assert await hop.parked() == []


async def test_a_record_that_is_nothing_to_the_service_leaves_no_trace_but_its_offset(hop: Hop) -> None:
    await hop.start_relay()
    await hop.start_consumer(concerns=lambda event: event.value != "other")
    await hop.publish("ours", "other", "other")

    await eventually(lambda: committed(hop.kafka, hop.group, hop.topic.name), lambda offset: offset == 3)

    assert await hop.effects() == ["ours"]
    assert await hop.seen() == 1


async def test_an_offset_is_committed_only_after_its_effect(hop: Hop) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def handle(tx: Transaction, event: StringValue) -> None:
        if event.value == "held":
            inside.set()
            await go_on.wait()
        await take_effect(tx, event)

    await hop.start_relay()
    await hop.start_consumer(handle)
    await hop.publish("first")
    await eventually(lambda: committed(hop.kafka, hop.group, hop.topic.name), lambda offset: offset == 1)
    await hop.publish("held")
    await inside.wait()
    while_held = await committed(hop.kafka, hop.group, hop.topic.name)
    go_on.set()
    await eventually(lambda: committed(hop.kafka, hop.group, hop.topic.name), lambda offset: offset == 2)

    assert while_held == 1
    assert await hop.effects() == ["first", "held"]


async def test_a_consumer_that_dies_before_its_commit_reads_again_and_the_effect_is_one(
    hop: Hop, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def die_before(*_: object) -> None:
        if reached.is_set():
            return  # the dead commit nothing when they are stopped
        reached.set()
        await asyncio.Event().wait()

    await hop.start_relay()
    await hop.publish("one", "two")
    with monkeypatch.context() as dying:
        dying.setattr(Consumer, "_commit", die_before)
        first = await hop.start_consumer()
        await reached.wait()
        await first.stop()
    died_after = await hop.effects()
    before = await committed(hop.kafka, hop.group, hop.topic.name)
    await hop.start_consumer()
    await hop.publish("three")
    effects = await eventually(hop.effects, has("three"))

    assert (before, died_after[:1]) == (0, ["one"])
    assert effects == ["one", "two", "three"]


async def test_a_topic_that_went_is_made_again(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_keeper, "CHECK_SECONDS", 0.1)
    topic = OwnTopic(partitions=3)
    keeper = TopicKeeper(kafka=servers.kafka, topics=[topic], replication=1)
    await keeper.start()
    await eventually(lambda: partitions_of(servers.kafka, topic.name), lambda partitions: partitions == 3)

    await delete_topic(servers.kafka, topic.name)
    await eventually(lambda: partitions_of(servers.kafka, topic.name), lambda partitions: partitions == 3)

    await keeper.stop()


async def test_two_keepers_at_once_make_each_topic_once(servers: Servers) -> None:
    topic = OwnTopic()
    keepers = [TopicKeeper(kafka=servers.kafka, topics=[topic], replication=1) for _ in range(3)]

    for keeper in keepers:
        await keeper.start()
    await asyncio.gather(*(keeper.made.wait() for keeper in keepers))

    assert await partitions_of(servers.kafka, topic.name) == 1
    for keeper in keepers:
        await keeper.stop()


async def test_the_database_may_be_away_while_events_arrive(
    hop: Hop, connect: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = asyncio.Event()
    transaction = hop.consumer.transaction

    async def sometimes(work: Callable[..., object]) -> object:
        if not away.is_set():
            raise Unavailable("DATABASE_UNAVAILABLE", "A part is restarting; try again.")
        return await transaction(work)  # type: ignore[arg-type]

    await hop.start_relay()
    with monkeypatch.context() as without:
        without.setattr(hop.consumer, "transaction", sometimes)
        await hop.start_consumer()
        await hop.publish("one")
        await asyncio.sleep(0.5)
        away.set()
        await eventually(hop.effects, has("one"))

    assert await hop.effects() == ["one"]
