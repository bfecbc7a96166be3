"""Every message is listed once, wherever it stands and however the pages are cut; and each tells its history."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest
from carillon.delivery.v1 import delivery_pb2 as delivery
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_PUSH

from services.delivery import ledger as ledger_module
from services.delivery.domain.links import MessagePlace
from services.delivery.unsubscribing import Unsubscribing
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.errors import DomainError, NotFound
from tests.integration.delivery.audiences import Place, Run, announce, suppress
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.messages_office import Office, messages_office, place_of
from tests.integration.delivery.outside_world import (
    ACCEPTED,
    GONE,
    LOST_ANSWER,
    REFUSED,
    OutsideWorld,
    Reply,
    busy_for,
)
from tests.integration.delivery.proof import at_rest, read_books
from tests.integration.waiting import eventually

FAILED, SENT, PENDING = (
    delivery.MESSAGE_STATE_FAILED,
    delivery.MESSAGE_STATE_SENT,
    delivery.MESSAGE_STATE_PENDING,
)
SUPPRESSED = delivery.MESSAGE_STATE_SUPPRESSED


def office_of(database: Database, run: Run) -> tuple[Office, str]:
    """The run's office, and its campaign's name."""
    office = messages_office(database, tenant=run.tenant, project=run.tenant)
    return office, office.people.add_campaign(run.campaign, runs=[run.id])


def by_address(run: Run, replies: dict[Place, list[Reply]]) -> Any:
    """These places are answered so, one reply a call; everybody else is accepted."""
    addresses = {run.places()[place][0]: answers for place, answers in replies.items()}

    def reply(message: Any, earlier: int) -> Reply:
        answers = addresses.get(message.address.url, [])
        return answers[earlier] if earlier < len(answers) else ACCEPTED

    return reply


async def test_every_message_of_a_run_is_listed_once_in_every_state(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(30, 20, 10))
    office, campaign = office_of(database, run)
    world.reply = by_address(
        run,
        {(0, 3): [GONE], (1, 4): [REFUSED], **{(2, position): [busy_for(600)] * 9 for position in (0, 1, 2, 7)}},
    )
    await suppress(database, run, [(0, 5), (2, 9)])
    await announce(database, run.facts())
    await start_process()
    await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) == 56)

    listed = await office.every(office.name_of(run), page_size=7)

    assert [place_of(message) for message in listed] == sorted(run.places())
    assert {place_of(message): (message.state, message.reason) for message in listed if message.state != SENT} == {
        (0, 3): (FAILED, "PUSH_SUBSCRIPTION_GONE"),
        (0, 5): (SUPPRESSED, "UNSUBSCRIBED"),
        (1, 4): (FAILED, "PUSH_REJECTED_400"),
        (2, 9): (SUPPRESSED, "UNSUBSCRIBED"),
        **{(2, position): (PENDING, "") for position in (0, 1, 2, 7)},
    }
    (waiting,) = [message for message in listed if place_of(message) == (2, 7)]
    assert waiting.attempt_count == 1
    assert waiting.next_attempt_time.ToDatetime() > listed[0].final_time.ToDatetime()
    assert waiting.contact.endswith(ids.spell("con", run.contact((2, 7))))
    assert waiting.endpoint.endswith(ids.spell("sub", run.endpoint((2, 7))))
    assert [place_of(message) for message in await office.every(campaign, page_size=1000)] == sorted(run.places())


@pytest.mark.parametrize("window", [1, 32])
async def test_filters_say_what_the_rows_say_in_every_combination(
    database: Database,
    world: OutsideWorld,
    start_process: StartProcess,
    monkeypatch: pytest.MonkeyPatch,
    window: int,
) -> None:
    monkeypatch.setattr(ledger_module, "WINDOW", window)
    run = Run(sizes=(6, 5, 4))
    office, campaign = office_of(database, run)
    world.reply = by_address(run, {(0, 1): [GONE], (1, 1): [REFUSED], (1, 2): [GONE], (2, 0): [busy_for(600)] * 9})
    await suppress(database, run, [(0, 2), (2, 3)])
    await announce(database, run.facts())
    await start_process()
    await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) == 14)
    everything = await office.every(campaign)
    somebody = office.people.add(run.contact((1, 2)))

    for states, reasons, channels, contact, size in itertools.product(
        ([], [FAILED], [SENT], [PENDING], [SUPPRESSED, FAILED], [PENDING, SENT]),
        ([], ["PUSH_SUBSCRIPTION_GONE"], ["UNSUBSCRIBED", "PUSH_REJECTED_400"]),
        ([], [CHANNEL_PUSH], [CHANNEL_EMAIL]),
        ("", somebody),
        (2, 100),
    ):
        wanted = [
            place_of(message)
            for message in everything
            if (not states or message.state in states)
            and (not reasons or message.reason in reasons)
            and (not channels or message.channel in channels)
            and contact in ("", message.contact)
        ]
        filters = {"states": states, "reasons": reasons, "channels": channels, "contact": contact}
        assert await office.places(campaign, page_size=size, **filters) == wanted, filters


async def test_a_page_looks_through_so_much_and_the_next_goes_on(
    database: Database, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "WINDOW", 1)
    monkeypatch.setattr(ledger_module, "MOST_WINDOWS", 2)
    run = Run(sizes=(2, 2, 2, 2, 2))
    office, campaign = office_of(database, run)
    await suppress(database, run, [(4, 1)])
    await announce(database, run.facts())
    await start_process()
    await at_rest(database, run)

    first = await office.page(campaign, states=[SUPPRESSED])
    found = await office.places(campaign, states=[SUPPRESSED])

    assert (list(first.messages), bool(first.next_page_token)) == ([], True)
    assert found == [(4, 1)]


async def test_a_campaigns_runs_are_listed_one_after_the_other_and_each_alone(
    database: Database, start_process: StartProcess
) -> None:
    run = Run(sizes=(3,))
    again = replace(run, id=ids.new_id())
    office, campaign = office_of(database, run)
    office.people.add_campaign(run.campaign, runs=[run.id, again.id])
    await announce(database, [*run.facts(), *again.facts()])
    await start_process()
    await at_rest(database, run)
    await at_rest(database, again)

    both = [message.name for message in await office.every(campaign + "/runs/-", page_size=2)]

    assert both == sorted(both)
    assert len(set(both)) == 6
    assert [name for name in both if ids.spell("run", again.id) in name] == [
        message.name for message in await office.every(office.name_of(again))
    ]


async def test_while_it_is_being_sent_everybody_is_listed_once_at_any_instant(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.001
    run = Run(sizes=(300, 300))
    office, campaign = office_of(database, run)
    await announce(database, run.facts())
    await start_process(claim_size=50)
    snapshots = []

    while len(world.ledger) < run.total:
        snapshots.append(await office.every(campaign, page_size=1000))
        await asyncio.sleep(0.02)
    await at_rest(database, run)

    assert len(snapshots) > 3
    for listed in snapshots:
        assert [place_of(message) for message in listed] == sorted(run.places())
    assert {message.state for message in itertools.chain(*snapshots)} == {PENDING, SENT}


async def test_a_message_tells_its_attempts_its_receipts_and_its_address(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(3,))
    office, _ = office_of(database, run)
    world.reply = by_address(run, {(0, 1): [busy_for(0.25), LOST_ANSWER]})
    await announce(database, run.facts())
    await start_process()
    await at_rest(database, run)
    await Unsubscribing(database=database, clock=SystemClock()).take(MessagePlace(run.id, 0, 1))

    message = await office.get(office.name_of(run, (0, 1)))
    plain = await office.get(office.name_of(run, (0, 0)))

    assert (message.state, message.attempt_count, message.repeated) == (SENT, 3, True)
    assert message.address == run.places()[0, 1][0]
    assert [(item.number, item.outcome, item.provider_code) for item in message.attempts] == [
        (1, "RETRY", 429),
        (2, "UNANSWERED", 0),
        (3, "ACCEPTED", 201),
    ]
    assert [item.time.ToDatetime() for item in message.attempts] == sorted(
        item.time.ToDatetime() for item in message.attempts
    )
    assert [item.kind for item in message.receipts] == ["UNSUBSCRIBED"]
    assert [item.outcome for item in plain.attempts] == ["ACCEPTED"]
    assert list(plain.receipts) == []


async def test_what_ended_without_a_call_has_no_attempt_and_what_waits_says_for_what(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(2,))
    office, _ = office_of(database, run)
    world.reply = by_address(run, {(0, 0): [busy_for(600)]})
    await suppress(database, run, [(0, 1)])
    await announce(database, run.facts())
    await start_process()
    await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) == 1 == len(world.ledger))
    await eventually(lambda: read_books(database, run), lambda books: books.due.total() == 1)

    waiting, suppressed = await office.get(office.name_of(run, (0, 0))), await office.get(office.name_of(run, (0, 1)))

    assert (waiting.state, [item.outcome for item in waiting.attempts]) == (PENDING, ["RETRY"])
    assert waiting.HasField("next_attempt_time")
    assert (suppressed.state, list(suppressed.attempts)) == (SUPPRESSED, [])


@pytest.mark.parametrize("spelled", ["0-3", "1-0", "00-0", "0-00", "-1-0", "0", "0-x", "2147483648-0", "0-99999999999"])
async def test_a_message_that_never_was_is_not_found(database: Database, spelled: str) -> None:
    run = Run(sizes=(3,))
    office, _ = office_of(database, run)
    await announce(database, run.facts())

    with pytest.raises(NotFound) as refused:
        await office.get(f"{office.name_of(run)}/messages/{spelled}")

    assert (refused.value.reason, refused.value.field) == ("MESSAGE_NOT_FOUND", "name")


async def test_a_message_of_another_campaign_is_not_this_ones(database: Database) -> None:
    run, other = Run(sizes=(3,)), Run(sizes=(3,))
    office, campaign = office_of(database, run)
    await announce(database, [*run.facts(), *other.facts()])

    with pytest.raises(NotFound):
        await office.get(f"{campaign}/runs/{ids.spell('run', other.id)}/messages/0-0")
    with pytest.raises(NotFound) as refused:
        await office.page(f"{campaign}/runs/{ids.spell('run', other.id)}")

    assert refused.value.reason == "RUN_NOT_FOUND"


async def test_a_run_that_has_only_been_announced_at_campaigns_has_no_messages_yet(database: Database) -> None:
    run = Run(sizes=(3,))
    office, _ = office_of(database, run)

    assert await office.every(office.name_of(run)) == []


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"page_size": -1}, "PAGE_SIZE_INVALID", "page_size"),
        ({"page_token": "x"}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"page_token": "A" * 40}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"states": [SENT, 0]}, "STATE_INVALID", "states[1]"),
        ({"states": [99]}, "STATE_INVALID", "states[0]"),
        ({"channels": [9]}, "CHANNEL_INVALID", "channels[0]"),
        ({"reasons": ["A", ""]}, "REASON_INVALID", "reasons[1]"),
        ({"reasons": ["A"] * 101}, "REASONS_OUT_OF_RANGE", "reasons"),
        ({"contact": "con_x"}, "CONTACT_NOT_FOUND", "contact"),
        ({"parent": "campaigns/x"}, "CAMPAIGN_NOT_FOUND", "parent"),
        ({"parent": "projects/proj_x/campaigns/cmp_x/runs/x"}, "PROJECT_NOT_FOUND", "parent"),
    ],
)
async def test_a_bad_request_is_told_where_it_is_bad(
    database: Database, changes: dict[str, Any], reason: str, field: str
) -> None:
    run = Run(sizes=(3,))
    office, campaign = office_of(database, run)

    with pytest.raises(DomainError) as refused:
        await office.page(**({"parent": campaign} | changes))

    assert (refused.value.reason, refused.value.field) == (reason, field)


async def test_a_token_is_good_for_its_own_list_alone(database: Database) -> None:
    run = Run(sizes=(3,))
    office, campaign = office_of(database, run)
    await announce(database, run.facts())
    token = (await office.page(campaign, page_size=1)).next_page_token

    good = await office.page(campaign, page_size=2, page_token=token)
    for parent, filters in ((office.name_of(run), {}), (campaign, {"states": [int(MessageState.PENDING)]})):
        with pytest.raises(DomainError) as refused:
            await office.page(parent, page_token=token, **filters)
        assert refused.value.field == "page_token"

    assert [place_of(message) for message in good.messages] == [(0, 1), (0, 2)]
