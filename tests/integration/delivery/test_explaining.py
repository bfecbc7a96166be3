"""Why somebody was, was not, or will be messaged: one clear verdict in each case."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.delivery.v1.messages_pb2 import Finding
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_HTTP, CHANNEL_PUSH, Audience, PushSubscription
from google.protobuf.timestamp_pb2 import Timestamp

from services.delivery.domain.explanations import Verdict
from services.runtime import ids
from services.runtime.database import Database
from services.runtime.errors import NotFound
from tests.integration.delivery.audiences import Run, announce, suppress
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.messages_office import Office, messages_office
from tests.integration.delivery.outside_world import GONE, OutsideWorld, busy_for
from tests.integration.delivery.proof import at_rest, read_books
from tests.integration.waiting import eventually

ALL = [CHANNEL_PUSH, CHANNEL_EMAIL, CHANNEL_HTTP]
EVERYBODY = Audience(filter={})
BROWSER = PushSubscription(endpoint="https://push.example/1")
GONE_BROWSER = PushSubscription(endpoint="https://push.example/2", retire_time=Timestamp(seconds=1))


@pytest.fixture
def run() -> Run:
    return Run(sizes=(5,))


@pytest.fixture
def office(database: Database, run: Run) -> Office:
    return messages_office(database, tenant=run.tenant, project=run.tenant)


def campaign_of(office: Office, run: Run, state: int, **fields: Any) -> str:
    channels = fields.pop("channels", [CHANNEL_PUSH])
    return office.people.add_campaign(
        run.campaign, runs=[run.id], state=state, channels=channels, audience=EVERYBODY, **fields
    )


async def verdicts(office: Office, campaign: str, contact: str) -> list[tuple[int, str]]:
    answer = await office.explain(campaign, contact)
    for finding in answer.findings:
        assert finding.sentence in answer.summary
    return [(finding.channel, Finding.Verdict.Name(finding.verdict)) for finding in answer.findings]


def test_the_words_are_those_of_the_contract() -> None:
    assert {f"VERDICT_{verdict.name}": verdict.value for verdict in Verdict} == {
        name: number for name, number in Finding.Verdict.items() if number
    }


async def test_of_a_campaign_that_has_not_started_it_is_told_as_of_now(office: Office, run: Run) -> None:
    draft = campaign_of(office, run, Campaign.STATE_DRAFT, channels=ALL)
    anna, bert, cleo = (ids.new_id() for _ in range(3))
    reachable = office.people.add(anna, email="a@x.example", push_subscriptions=[GONE_BROWSER, BROWSER])
    unreachable = office.people.add(bert, push_subscriptions=[GONE_BROWSER])
    outside = office.people.add(cleo, email="c@x.example")
    office.people.members |= {anna, bert}

    assert await verdicts(office, draft, reachable) == [(channel, "VERDICT_WOULD_BE_SENT") for channel in ALL]
    assert await verdicts(office, draft, unreachable) == [
        (CHANNEL_PUSH, "VERDICT_SUBSCRIPTION_RETIRED"),
        (CHANNEL_EMAIL, "VERDICT_NO_ADDRESS"),
        (CHANNEL_HTTP, "VERDICT_WOULD_BE_SENT"),
    ]
    assert await verdicts(office, draft, outside) == [(channel, "VERDICT_NOT_IN_AUDIENCE") for channel in ALL]


async def test_of_a_draft_that_says_nothing_it_is_said(office: Office, run: Run) -> None:
    name = office.people.add_campaign(run.campaign, state=Campaign.STATE_DRAFT, channels=[CHANNEL_PUSH])

    assert await verdicts(office, name, office.people.add(ids.new_id())) == [(CHANNEL_PUSH, "VERDICT_NO_AUDIENCE_YET")]


async def test_who_is_suppressed_would_not_be_messaged_and_is_told_since_when(
    office: Office, run: Run, database: Database
) -> None:
    draft = campaign_of(office, run, Campaign.STATE_SCHEDULED)
    contact = run.contact((0, 0))
    name = office.people.add(contact, push_subscriptions=[BROWSER])
    office.people.members.add(contact)
    await suppress(database, run, [(0, 0)])

    (finding,) = (await office.explain(draft, name)).findings

    assert finding.verdict == Finding.VERDICT_WOULD_BE_SUPPRESSED
    assert (finding.suppression.contact, finding.suppression.reason) == (name, "UNSUBSCRIBED")
    since = finding.suppression.create_time.ToDatetime(datetime.UTC)
    assert datetime.datetime.now(datetime.UTC) - since < datetime.timedelta(minutes=1)


async def test_what_became_of_each_message_is_told(
    office: Office, run: Run, database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    address = run.places()[0, 1][0]
    accept = world.reply
    world.reply = lambda message, earlier: (
        GONE if message.address.url == address else accept(message, earlier)  # type: ignore[attr-defined]
    )
    await suppress(database, run, [(0, 2)])
    await announce(database, run.facts())
    await start_process()
    await at_rest(database, run)
    campaign = campaign_of(office, run, Campaign.STATE_COMPLETED)

    findings = [
        (await office.explain(campaign, office.people.add(run.contact((0, position))))).findings[0]
        for position in range(3)
    ]

    assert {finding.verdict for finding in findings} == {Finding.VERDICT_FINAL}
    assert [(finding.state, finding.reason) for finding in findings] == [
        (2, ""),
        (3, "PUSH_SUBSCRIPTION_GONE"),
        (4, "UNSUBSCRIBED"),
    ]
    assert [finding.message for finding in findings] == [office.name_of(run, (0, n)) for n in range(3)]
    assert "accepted it at" in findings[0].sentence


async def test_what_waits_is_told_to_wait_for_its_time_for_a_resume_or_in_vain(
    office: Office, run: Run, database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.reply = lambda message, earlier: busy_for(600)
    await announce(database, run.facts())
    process = await start_process()
    await eventually(lambda: read_books(database, run), lambda books: books.due.total() == 5 == len(world.ledger))
    await process.stop()
    await suppress(database, run, [(0, 1)])
    anna, bert = (office.people.add(run.contact((0, position))) for position in range(2))

    active = campaign_of(office, run, Campaign.STATE_ACTIVE)
    waiting = (await office.explain(active, anna)).findings[0]
    in_vain = await verdicts(office, active, bert)
    paused = campaign_of(office, run, Campaign.STATE_PAUSED)
    held = await verdicts(office, paused, anna)

    assert waiting.verdict == Finding.VERDICT_PENDING
    assert waiting.HasField("next_attempt_time")
    assert held == [(CHANNEL_PUSH, "VERDICT_HELD")]
    assert in_vain == [(CHANNEL_PUSH, "VERDICT_WILL_BE_SUPPRESSED")]


async def test_who_was_not_in_the_frozen_audience_is_told_so(office: Office, run: Run, database: Database) -> None:
    campaign = campaign_of(office, run, Campaign.STATE_ACTIVE, channels=[CHANNEL_PUSH])
    late, never = ids.new_id(), ids.new_id()
    late_name = office.people.add(late, push_subscriptions=[BROWSER])
    office.people.members.add(late)

    before = await verdicts(office, campaign, late_name)
    await announce(database, run.facts())
    after = await office.explain(campaign, late_name)

    assert before == [(CHANNEL_PUSH, "VERDICT_BEING_RESOLVED")]
    assert [finding.verdict for finding in after.findings] == [Finding.VERDICT_NOT_IN_AUDIENCE]
    assert "though it would be now" in after.summary
    assert await verdicts(office, campaign, office.people.add(never)) == [(CHANNEL_PUSH, "VERDICT_NOT_IN_AUDIENCE")]


async def test_a_campaign_that_ended_before_it_began_never_started(office: Office, run: Run) -> None:
    campaign = campaign_of(office, run, Campaign.STATE_CANCELLED)

    assert await verdicts(office, campaign, office.people.add(ids.new_id())) == [
        (CHANNEL_PUSH, "VERDICT_NEVER_STARTED")
    ]


async def test_a_campaign_or_a_contact_that_is_not_the_callers_is_not_found(office: Office, run: Run) -> None:
    campaign = campaign_of(office, run, Campaign.STATE_DRAFT)
    nobody = campaign.partition("/campaigns/")[0] + "/contacts/" + ids.spell("con", ids.new_id())

    for asked, field in (
        ((campaign, nobody), "name"),
        ((campaign + "X", nobody), "name"),
        ((campaign, "x"), "contact"),
    ):
        with pytest.raises(NotFound) as refused:
            await office.explain(*asked)
        assert refused.value.field == field
