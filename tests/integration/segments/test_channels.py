"""Who is in an audience that goes several ways, in which order, with which fields."""

from __future__ import annotations

import pytest
from carillon.segments.v1.filter_pb2 import Condition, Filter, FilterList
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_HTTP, CHANNEL_PUSH

from services.runtime.database import Transaction
from services.segments import contact_repository as contacts
from services.segments.domain import batching
from services.segments.domain.audience import AudienceState
from services.segments.domain.filters import EVERYBODY, Operator
from services.segments.domain.filters import Condition as Comparison
from tests.integration.segments.audiences import Interrupted, Segments, person

ALL = (CHANNEL_PUSH, CHANNEL_EMAIL, CHANNEL_HTTP)


async def test_email_goes_to_each_contact_with_an_address_once(segments: Segments) -> None:
    anna, _, carla = await segments.add(
        person("anna", email="anna@example.com", browsers=2), person("ben", browsers=1), person("carla", email="c@x.de")
    )

    run = await segments.freeze([CHANNEL_EMAIL])

    assert await segments.positions(run) == [
        (anna, CHANNEL_EMAIL, bytes(12), "anna@example.com"),
        (carla, CHANNEL_EMAIL, bytes(12), "c@x.de"),
    ]


async def test_an_http_endpoint_gets_each_contact_by_its_external_id(segments: Segments) -> None:
    people = await segments.add(person("anna", email="anna@example.com"), person("ben", browsers=2))

    run = await segments.freeze([CHANNEL_HTTP])

    assert await segments.positions(run) == [
        (people[0], CHANNEL_HTTP, bytes(12), "anna"),
        (people[1], CHANNEL_HTTP, bytes(12), "ben"),
    ]


async def test_several_ways_come_in_ascending_contact_channel_and_endpoint(segments: Segments) -> None:
    await segments.add(*(person(f"p{index}", email=f"p{index}@example.com", browsers=index % 3) for index in range(50)))

    run = await segments.freeze(ALL)

    positions, audience = await segments.positions(run), await segments.audience(run)
    assert [position[:3] for position in positions] == sorted(position[:3] for position in positions)
    assert len(positions) == len(set(positions)) == audience.message_count == 50 + 50 + 49
    assert (audience.contact_count, audience.state) == (50, AudienceState.COMPLETE)


@pytest.mark.parametrize("channels", [[CHANNEL_PUSH], [CHANNEL_EMAIL], [CHANNEL_HTTP], ALL, [CHANNEL_EMAIL] * 2])
async def test_what_is_counted_is_what_is_frozen(segments: Segments, channels: list[int]) -> None:
    await segments.add(
        person("anna", email="anna@example.com", browsers=2), person("ben"), person("carla", browsers=1), person("dora")
    )

    async def count(tx: Transaction) -> contacts.Reach:
        return await contacts.count_reachable(tx, segments.tenant, segments.project, EVERYBODY, channels=channels)

    reach = await segments.database.transaction(count)
    audience = await segments.audience(await segments.freeze(channels))
    assert (reach.people, reach.messages) == (audience.contact_count, audience.message_count)


async def test_a_walk_goes_on_behind_the_last_position_within_a_contact(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "FIRST_POSITIONS", 4)  # the first batch ends within the second contact
    monkeypatch.setattr(batching, "MAX_POSITIONS", 3)
    await segments.add(*(person(f"p{index}", email=f"p{index}@example.com", browsers=1) for index in range(9)))
    whole = await segments.positions(await segments.freeze(ALL))
    run = await segments.start(ALL)

    while (await segments.audience(run)).state is AudienceState.RESOLVING:
        await segments.freezer(Interrupted).freeze(run)

    assert await segments.positions(run) == whole
    assert len(await segments.batches(run)) == 9


async def test_positions_carry_the_fields_that_the_content_uses(segments: Segments) -> None:
    await segments.add(
        person("anna", email="anna@example.com", country="DE", attributes={"firstName": "Anna", "plan": "pro"}),
        person("ben", email="ben@example.com", country="", attributes={"first_name": "Ben", "firstName": "Benjamin"}),
        person("carla", email="carla@example.com", locale="pt-BR", attributes={"first_name": "", "firstName": "Carla"}),
    )
    fields = ["country", "email", "external_id", "first_name", "locale", "nowhere", "plan", "time_zone"]

    run = await segments.freeze([CHANNEL_EMAIL], fields=fields)

    (batch,) = await segments.batches(run)
    columns = {name: list(column.values) for name, column in zip(fields, batch.fields, strict=True)}
    assert columns == {
        "country": ["DE", "", "DE"],
        "email": ["anna@example.com", "ben@example.com", "carla@example.com"],
        "external_id": ["anna", "ben", "carla"],
        "first_name": ["Anna", "Ben", "Carla"],
        "locale": ["", "", "pt-BR"],
        "nowhere": ["", "", ""],
        "plan": ["pro", "", ""],
        "time_zone": ["", "", ""],
    }


async def test_a_batch_with_its_fields_is_never_larger_than_it_may_be(segments: Segments) -> None:
    long = {f"field{index}": "ö" * 500 for index in range(20)}
    await segments.add(*(person(f"p{index}", email=f"p{index}@example.com", attributes=long) for index in range(100)))

    run = await segments.freeze([CHANNEL_EMAIL], fields=sorted(long))

    batches = await segments.batches(run)
    assert sum(len(batch.addresses) for batch in batches) == 100
    assert max(batch.ByteSize() for batch in batches) <= batching.MAX_BYTES


async def test_who_has_an_address_can_be_filtered_for(segments: Segments) -> None:
    await segments.add(person("anna", email="anna@example.com"), person("ben"))
    has_email = Condition(attribute="email", operator=Condition.OPERATOR_EXISTS)
    nobody = Filter(none_of=FilterList(filters=[Filter(condition=has_email)]))

    run = await segments.freeze([CHANNEL_HTTP], tree=Filter(condition=has_email))
    others = await segments.freeze([CHANNEL_HTTP], tree=nobody)

    assert [position[3] for position in await segments.positions(run)] == ["anna"]
    assert [position[3] for position in await segments.positions(others)] == ["ben"]


async def test_a_count_tells_who_lacks_a_field_and_which_nobody_ever_had(segments: Segments) -> None:
    await segments.add(
        person("anna", email="anna@example.com", country="", attributes={"firstName": "Anna"}),
        person("ben", email="ben@example.com", attributes={"first_name": ""}),
        person("carla", attributes={"plan": "pro"}),
    )
    fields = ["first_name", "plan", "country", "nowhere"]

    async def count(tx: Transaction) -> tuple[contacts.Reach, object]:
        known = await contacts.attributes_of(tx, segments.tenant, segments.project, fields)
        tree = Comparison("email", Operator.EXISTS)
        reach = await contacts.count_reachable(
            tx, segments.tenant, segments.project, tree, channels=[CHANNEL_EMAIL], fields=known
        )
        return reach, known

    reach, known = await segments.database.transaction(count)
    assert known == {"first_name": ["first_name", "firstName"], "plan": ["plan"], "country": [], "nowhere": []}
    assert (reach.people, reach.messages, reach.absent) == (2, 2, (1, 2, 1, 2))


async def test_an_address_is_replaced_and_taken_away_with_the_contact(segments: Segments) -> None:
    (anna,) = await segments.add(person("anna", email="anna@example.com"))

    async def email() -> str:
        found = await segments.database.transaction(
            lambda tx: contacts.find(tx, segments.tenant, segments.project, anna)
        )
        assert found is not None
        return str(found[0].email)

    first = await email()
    await segments.add(person("anna"))

    assert (first, await email()) == ("anna@example.com", "")
