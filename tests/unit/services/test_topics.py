"""The event registry has no orphans: no topic without a writer and a reader, no proto without a topic."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from services import topics
from services.runtime import inbox
from services.topics import TOPICS, Topic

ROOT = Path(__file__).resolve().parents[3]
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/main.py"))
EVENT_FILES = sorted((ROOT / "proto" / "carillon" / "events" / "v1").glob("*.proto"))


def constant(topic: Topic) -> str:
    """The name of the topic in the registry's module."""
    return next(name for name, value in vars(topics).items() if value is topic)


def sources(service: str) -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "services" / service).rglob("*.py")))


def described(file: Path) -> Any:
    return importlib.import_module(f"carillon.events.v1.{file.stem}_pb2").DESCRIPTOR


def embedded_in(message: Any) -> set[str]:
    """The names of all messages that are parts of this one."""
    found: set[str] = set()
    waiting = [message]
    while waiting:
        for field in waiting.pop().fields:
            part = field.message_type
            if part is not None and part.full_name not in found:
                found.add(part.full_name)
                waiting.append(part)
    return found


def test_every_topic_is_in_the_list_once() -> None:
    declared = [value for value in vars(topics).values() if isinstance(value, Topic)]

    assert sorted(topic.name for topic in declared) == sorted(topic.name for topic in TOPICS)
    assert len({topic.name for topic in TOPICS}) == len({topic.message for topic in TOPICS}) == len(TOPICS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_has_a_producer_and_consumers_that_exist(topic: Topic) -> None:
    assert topic.producer in SERVICES
    assert topic.consumers
    assert set(topic.consumers) <= set(SERVICES)
    assert topic.producer not in topic.consumers


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_who_is_said_to_write_or_read_a_topic_names_it_and_nobody_else_does(topic: Topic) -> None:
    name = re.compile(rf"\b{constant(topic)}\.name\b")

    naming = {service for service in SERVICES if name.search(sources(service))}

    assert naming == {topic.producer, *topic.consumers}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_no_topics_name_stands_in_code_outside_of_the_registry(topic: Topic) -> None:
    spelled = re.compile(rf"""(?<!b)["']{topic.name}["']""")  # bytes are what an event's id is hashed from

    found = [
        str(path.relative_to(ROOT))
        for folder in ("services", "gateway", "sandbox", "tools")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if spelled.search(path.read_text())
    ]

    assert found == ["services/topics.py"]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topics_proto_file_has_its_name_and_says_who_writes_and_reads_it(topic: Topic) -> None:
    file = ROOT / "proto" / "carillon" / "events" / "v1" / f"{topic.name.replace('-', '_')}.proto"

    head = file.read_text().partition("\n")[0]

    assert topic.message.DESCRIPTOR.file.name.endswith(f"/{file.name}")
    assert head.startswith(f"// Topic {topic.name}: ")
    assert f"Producer {topic.producer};" in head
    assert set(re.findall(r"\w+", head.rpartition("consumer")[2])) - {"s"} == set(topic.consumers)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topics_key_is_made_of_its_first_fields(topic: Topic) -> None:
    fields = topic.message.DESCRIPTOR.fields_by_name

    assert "tenant" in fields
    assert "run" in fields or "campaign" in fields


@pytest.mark.parametrize("file", EVENT_FILES, ids=lambda file: file.stem)
def test_every_message_of_an_event_file_is_its_topics_or_part_of_it(file: Path) -> None:
    written = described(file)
    (topic,) = [topic for topic in TOPICS if topic.message.DESCRIPTOR.file.name == written.name]
    # Recipients travel in AudienceBatch.recipients as bytes.
    loose = {"carillon.events.v1.Recipients", "carillon.events.v1.FieldColumn"}

    parts = embedded_in(topic.message.DESCRIPTOR) | {topic.message.DESCRIPTOR.full_name} | loose

    assert {message.full_name for message in written.message_types_by_name.values()} <= parts


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_partitions_and_retention_are_sane(topic: Topic) -> None:
    assert 1 <= topic.partitions <= 32
    assert topic.retention_ms >= topics.DAY_MS


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_an_inbox_remembers_longer_than_the_topic_can_repeat(topic: Topic) -> None:
    assert inbox.RETENTION.total_seconds() * 1000 > topic.retention_ms


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_consumes_what_the_registry_says(service: str) -> None:
    said = {topic.name for topic in TOPICS if service in topic.consumers}

    assert {topic.name for topic in topics.consumed_by(service)} == said


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_front_page_names_its_topics(service: str) -> None:
    page = " ".join((ROOT / "services" / service / "__init__.py").read_text().split())
    incoming, outgoing = re.search(r"Topics in: (.*?)\. Topics out: (.*?)\.", page).groups()  # type: ignore[union-attr]

    assert set(incoming.split(", ")) == {topic.name for topic in topics.consumed_by(service)}
    assert set(outgoing.split(", ")) == {topic.name for topic in TOPICS if topic.producer == service}
