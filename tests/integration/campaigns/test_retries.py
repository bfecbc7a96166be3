"""A completed campaign goes on with a further run, and its numbers are the sums over its runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from carillon.delivery.v1.control_service_pb2 import CONTROL_STATE_ACTIVE
from carillon.delivery.v1.delivery_pb2 import MESSAGE_STATE_FAILED
from carillon.events.v1.campaign_lifecycle_pb2 import RetryOf

from services.campaigns.domain.campaign import Campaign, State
from services.campaigns.domain.run import RunState
from services.runtime.database import Transaction
from services.runtime.errors import Conflict
from tests.integration.campaigns.delivery_server import DeliveryServer
from tests.integration.campaigns.operators import Operators

FAILED = RetryOf(states=[MESSAGE_STATE_FAILED], reasons=["GONE"])


async def completed(operators: Operators) -> Campaign:
    """A campaign of 8 messages, 6 of them sent or failed."""
    campaign = await operators.launch()
    await operators.freeze_run(campaign)
    await operators.end_run(campaign)
    return await operators.row(campaign)


async def retry(operators: Operators, campaign: Campaign, *, etag: str = "") -> Any:
    return await operators.use_cases.retry(
        caller=operators.caller, project=None, campaign=campaign.id, etag=etag, retry_of=FAILED
    )


async def end_retry(operators: Operators, campaign: Campaign, *, messages: int, failure_reason: str = "") -> None:
    """segments has frozen and analytics has counted the newest run."""
    run = (await operators.runs(campaign))[0]

    async def work(tx: Transaction) -> None:
        known: dict[str, Any] = {"campaign": campaign.id, "run": run.id, "messages": messages}
        await operators.progress.freeze(tx, **known, contacts=messages, failure_reason=failure_reason)
        await operators.progress.end(
            tx, **known, state=RunState.COMPLETED, queued=messages, at=operators.clock.now(), correction=0
        )

    await operators.database.transaction(work)


async def test_a_retry_goes_on_with_the_first_runs_content_and_identities(operators: Operators) -> None:
    campaign = await completed(operators)

    answer = await retry(operators, campaign)

    row, runs = await operators.row(campaign), await operators.runs(campaign)
    assert (row.state, row.final, row.ended_at, row.queued) == (State.ACTIVE, False, None, 6)
    assert answer.state == State.ACTIVE and answer.etag == row.etag
    first, second = [fact.run_started for fact in await operators.told(campaign) if fact.HasField("run_started")]
    assert (first.run, second.run) == (runs[1].id, runs[0].id)
    assert second.identity_run == first.identity_run == first.run
    assert (second.retry_of, second.push_content) == (FAILED, first.push_content)
    assert not second.HasField("audience")
    assert await operators.last_told(campaign) == (State.ACTIVE, False, 6)


async def test_with_the_end_of_a_retry_the_campaign_is_completed_with_the_sums_of_its_runs(
    operators: Operators,
) -> None:
    campaign = await completed(operators)
    await retry(operators, campaign)

    await end_retry(operators, campaign, messages=2)

    row = await operators.row(campaign)
    assert (row.state, row.final, row.queued) == (State.COMPLETED, True, 6 + 2)
    assert row.ended_at is not None and campaign.ended_at is not None and row.ended_at > campaign.ended_at


async def test_a_retry_of_nothing_completes_with_the_numbers_as_they_were(operators: Operators) -> None:
    campaign = await completed(operators)
    await retry(operators, campaign)

    await end_retry(operators, campaign, messages=0)

    row = await operators.row(campaign)
    assert (row.state, row.queued) == (State.COMPLETED, 6)


async def test_a_retry_that_could_not_be_carried_out_takes_nothing_from_what_was_sent(operators: Operators) -> None:
    campaign = await completed(operators)
    await retry(operators, campaign)

    await end_retry(operators, campaign, messages=0, failure_reason="AUDIENCE_FORGOTTEN")

    row, runs = await operators.row(campaign), await operators.runs(campaign)
    assert (row.state, row.failure_reason) == (State.COMPLETED, "")
    assert [run.state for run in runs] == [RunState.FAILED, RunState.COMPLETED]


async def test_a_retry_may_be_retried_under_the_same_identities(operators: Operators) -> None:
    campaign = await completed(operators)
    for _ in range(2):
        await retry(operators, campaign)
        await end_retry(operators, campaign, messages=1)

    facts = [fact.run_started for fact in await operators.told(campaign) if fact.HasField("run_started")]
    assert len(facts) == 3
    assert {fact.identity_run for fact in facts} == {facts[0].run}
    assert (await operators.row(campaign)).queued == 6 + 1 + 1


async def test_of_two_retries_at_once_one_is_refused(operators: Operators) -> None:
    campaign = await completed(operators)

    answers = await asyncio.gather(*(retry(operators, campaign) for _ in range(2)), return_exceptions=True)

    (refused,) = [answer for answer in answers if isinstance(answer, Conflict)]
    assert refused.reason == "CAMPAIGN_NOT_RETRYABLE"
    assert len(await operators.runs(campaign)) == 2


@pytest.mark.parametrize("state", [State.DRAFT, State.ACTIVE, State.CANCELLED, State.ARCHIVED])
async def test_only_a_completed_campaign_is_retried(operators: Operators, state: State) -> None:
    if state is State.ARCHIVED:
        campaign = await completed(operators)
        await operators.use_cases.archive(caller=operators.caller, project=None, campaign=campaign.id)
    else:
        campaign = await operators.create(immediate=state is not State.DRAFT)
    if state is State.CANCELLED:
        await operators.order(campaign, State.CANCELLED)
        await operators.end_run(campaign, RunState.CANCELLED)
    before = await operators.row(campaign)

    with pytest.raises(Conflict) as refused:
        await retry(operators, campaign)

    assert (refused.value.reason, before.state) == ("CAMPAIGN_NOT_RETRYABLE", state)
    assert await operators.row(campaign) == before


async def test_a_retry_of_what_has_changed_since_is_refused(operators: Operators) -> None:
    campaign = await completed(operators)

    with pytest.raises(Conflict) as refused:
        await retry(operators, campaign, etag='"1"')

    assert refused.value.reason == "CAMPAIGN_CHANGED"
    assert len(await operators.runs(campaign)) == 1


async def test_a_campaign_that_was_completed_while_it_was_held_is_let_go_for_its_retry(
    operators: Operators, delivery: DeliveryServer
) -> None:
    campaign = await operators.launch()
    await operators.order(campaign, State.PAUSED)
    await operators.freeze_run(campaign)
    await operators.end_run(campaign)

    await retry(operators, campaign)
    await operators.commands.let_go(campaign.id)

    row = await operators.row(campaign)
    assert (row.state, row.wanted) == (State.ACTIVE, None)
    assert delivery.stored[campaign.id][1] == CONTROL_STATE_ACTIVE
