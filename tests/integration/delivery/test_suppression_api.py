"""Suppressing and unsuppressing: answered after the commit, held to the clock, listed page by page."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any

import pytest
from carillon.delivery.v1 import suppressions_service_pb2 as api
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_PUSH

from services import names
from services.delivery import suppression_repository
from services.delivery.contacts import Contacts
from services.delivery.suppression_api import SuppressionsApi
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.errors import DomainError, NotFound
from tests.bench.percentiles import percentile
from tests.integration.delivery.audiences import Run, announce
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import OutsideWorld
from tests.integration.delivery.people import People
from tests.integration.delivery.proof import at_rest, violations
from tests.integration.waiting import eventually

PROMISED = 1.0  # seconds after the answer


@dataclass
class Office:
    """The service, and one project's people."""

    servicer: SuppressionsApi
    people: People
    tenant: bytes

    @property
    def parent(self) -> str:
        """The project."""
        return names.join(("projects", self.people.project))

    async def suppress(self, name: str, *channels: int, reason: str = "") -> list[tuple[str, str, int, str]]:
        """What holds then."""
        request = api.SuppressContactRequest(name=name, channels=channels, reason=reason)  # type: ignore[arg-type]
        return _told((await self.servicer.SuppressContact(request, None)).suppressions)

    async def unsuppress(self, name: str, *channels: int) -> list[tuple[str, str, int, str]]:
        """What is left."""
        request = api.UnsuppressContactRequest(name=name, channels=channels)  # type: ignore[arg-type]
        return _told((await self.servicer.UnsuppressContact(request, None)).suppressions)

    async def listed(self, parent: str, **page: Any) -> api.ListSuppressionsResponse:
        """A page."""
        return await self.servicer.ListSuppressions(api.ListSuppressionsRequest(parent=parent, **page), None)


def _told(found: object) -> list[tuple[str, str, int, str]]:
    return [(item.contact, item.address, item.channel, item.reason) for item in found]  # type: ignore[attr-defined]


def an_office(database: Database, *, tenant: bytes, project: bytes) -> Office:
    people = People(tenant=tenant, project=project)
    servicer = SuppressionsApi(
        database=database,
        contacts=Contacts(people),  # type: ignore[arg-type]
        projects=people,  # type: ignore[arg-type]
    )
    return Office(servicer=servicer, people=people, tenant=tenant)


@pytest.fixture
def office(database: Database) -> Office:
    return an_office(database, tenant=ids.new_id(), project=ids.new_id())


async def test_a_contact_is_suppressed_by_the_channels_that_are_named(office: Office) -> None:
    anna = office.people.add(ids.new_id())

    first = await office.suppress(anna, CHANNEL_PUSH)
    both = await office.suppress(anna, CHANNEL_PUSH, CHANNEL_EMAIL, CHANNEL_EMAIL, reason="LEGAL_HOLD")
    left = await office.unsuppress(anna, CHANNEL_PUSH)

    assert first == [(anna, "", CHANNEL_PUSH, "SUPPRESSED_BY_PROJECT")]
    assert both == [*first, (anna, "", CHANNEL_EMAIL, "LEGAL_HOLD")]
    assert left == [(anna, "", CHANNEL_EMAIL, "LEGAL_HOLD")]
    assert await office.unsuppress(anna, CHANNEL_PUSH) == left, "lifting what is lifted changes nothing"


async def test_a_contacts_dead_address_is_among_its_suppressions_and_is_lifted_with_them(
    office: Office, database: Database
) -> None:
    anna = office.people.add(ids.new_id(), email="Anna@x.example")
    await database.transaction(
        lambda tx: suppression_repository.suppress_addresses(
            tx,
            tenant=office.tenant,
            project=office.people.project,
            channel=CHANNEL_EMAIL,
            addresses=["anna@x.example"],
            reason=suppression_repository.HARD_BOUNCE,
        )
    )

    listed = _told((await office.listed(anna)).suppressions)
    left = await office.unsuppress(anna, CHANNEL_EMAIL)

    assert listed == [("", "anna@x.example", CHANNEL_EMAIL, "HARD_BOUNCE")]
    assert left == []


async def test_a_projects_suppressions_are_listed_people_first_each_once(office: Office, database: Database) -> None:
    people = [office.people.add(contact) for contact in ids.new_ids(5)]
    for name in people:
        await office.suppress(name, CHANNEL_PUSH, CHANNEL_EMAIL)
    addresses = [f"ü{number}@x.example" for number in range(4)]
    await database.transaction(
        lambda tx: suppression_repository.suppress_addresses(
            tx,
            tenant=office.tenant,
            project=office.people.project,
            channel=CHANNEL_EMAIL,
            addresses=addresses,
            reason="HARD_BOUNCE",
        )
    )

    for size in (1, 3, 10, 14, 1000):
        found, token = [], ""
        while True:
            page = await office.listed(office.parent, page_size=size, page_token=token)
            found += _told(page.suppressions)
            token = page.next_page_token
            if not token:
                break
            assert len(page.suppressions) == size

        assert [(contact, channel) for contact, address, channel, _ in found if contact] == [
            (name, channel) for name in people for channel in (CHANNEL_PUSH, CHANNEL_EMAIL)
        ]
        assert [address for _, address, _, _ in found[10:]] == addresses


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"channels": []}, "CHANNELS_REQUIRED", "channels"),
        ({"channels": [CHANNEL_PUSH, 0]}, "CHANNEL_INVALID", "channels[1]"),
        ({"channels": [99]}, "CHANNEL_INVALID", "channels[0]"),
        ({"reason": "because"}, "REASON_INVALID", "reason"),
        ({"reason": "X" * 65}, "REASON_INVALID", "reason"),
        ({"name": "projects/-/contacts/con_x"}, "CONTACT_NOT_FOUND", "name"),
        ({"name": "contacts/x"}, "CONTACT_NOT_FOUND", "name"),
    ],
)
async def test_a_bad_request_is_told_where_it_is_bad_and_stores_nothing(
    office: Office, changes: dict[str, Any], reason: str, field: str
) -> None:
    anna = office.people.add(ids.new_id())
    request = {"name": anna, "channels": [CHANNEL_PUSH], "reason": ""} | changes

    with pytest.raises(DomainError) as refused:
        await office.servicer.SuppressContact(api.SuppressContactRequest(**request), None)

    assert (refused.value.reason, refused.value.field) == (reason, field)
    assert (await office.listed(office.parent)).suppressions == []


async def test_who_is_not_the_callers_is_nobody(office: Office) -> None:
    stranger = names.join(("projects", office.people.project), ("contacts", ids.new_id()))

    for asked in (office.suppress(stranger, CHANNEL_PUSH), office.unsuppress(stranger, CHANNEL_PUSH)):
        with pytest.raises(NotFound) as refused:
            await asked
        assert refused.value.reason == "CONTACT_NOT_FOUND"
    with pytest.raises(NotFound):
        await office.listed(names.join(("projects", ids.new_id())))


@pytest.mark.parametrize("token", ["x", "AAAA", "AAAAAAAAAAAAAAAA", "!" * 16])
async def test_a_token_of_another_list_is_refused(office: Office, token: str) -> None:
    anna = office.people.add(ids.new_id())

    for parent in (office.parent, anna):
        with pytest.raises(DomainError) as refused:
            await office.listed(parent, page_token=token)
        assert refused.value.field == "page_token"


async def test_while_a_campaign_is_being_sent_nobody_is_called_later_than_promised_after_the_answer(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.02  # so that the run outlives all that is asked
    run = Run(sizes=(1000, 1000, 1000))
    office = an_office(database, tenant=run.tenant, project=run.tenant)
    addresses = {place: address for place, (address, _) in run.places().items()}
    await announce(database, run.facts())
    await start_process(claim_size=500)
    await start_process(claim_size=500)
    await eventually(world.calls, lambda calls: calls > 50)

    answered: dict[str, float] = {}
    for place in random.Random(5).sample(sorted(addresses), 100):
        await office.suppress(office.people.add(run.contact(place)), CHANNEL_PUSH, reason="ASKED_BY_PHONE")
        answered[addresses[place]] = SystemClock().boot_seconds()
        await asyncio.sleep(0.005)
    world.seconds_per_call = 0.002
    books = await at_rest(database, run, seconds=60)

    late = [max(0.0, call.at - answered[call.to]) for call in world.ledger if call.to in answered]
    late = sorted(late) + [0.0] * (100 - len(late))
    suppressed = books.places(MessageState.SUPPRESSED)
    print(f"last call after the answer: p99 {percentile(sorted(late), 0.99):.3f} s, worst {max(late):.3f} s")
    assert max(late) < PROMISED
    assert len(suppressed) > 20, "it all came too late to mean anything"
    assert {books.outcomes[place].reason for place in suppressed} == {"ASKED_BY_PHONE"}
    assert violations(run, books, world) == []


async def test_sending_does_not_crawl_while_many_unsubscribe(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    office = an_office(database, tenant=ids.new_id(), project=ids.new_id())
    seconds = []
    for disturbed in (False, True):
        run = Run(sizes=(1000,) * 8, tenant=office.tenant)
        process = await start_process(claim_size=1000)
        began = time.monotonic()
        await announce(database, run.facts())
        disturbing = asyncio.create_task(_keep_changing_minds(office)) if disturbed else None
        await at_rest(database, run, seconds=60)
        seconds.append(time.monotonic() - began)
        if disturbing:
            disturbing.cancel()
        await process.stop()

    print(f"{seconds[0]:.2f} s undisturbed, {seconds[1]:.2f} s with 50 suppressions a second")
    assert seconds[1] < 2 * seconds[0] + 1


async def _keep_changing_minds(office: Office) -> None:
    while True:
        name = office.people.add(ids.new_id())
        await office.suppress(name, CHANNEL_PUSH)
        await asyncio.sleep(0.01)
        await office.unsuppress(name, CHANNEL_PUSH)
        await asyncio.sleep(0.01)
