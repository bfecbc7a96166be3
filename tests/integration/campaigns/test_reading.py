"""What is read is what is stored: a campaign as it is shown, a page with its total, what others do not know yet."""

from __future__ import annotations

from carillon.feeds.v1.run_feed_service_pb2 import BatchGetStatesRequest

from services.campaigns import messages
from services.campaigns.domain.campaign import State
from services.campaigns.grpc_api import RunFeed
from services.campaigns.repository import Slice, Wanted
from services.runtime import ids
from tests.integration.campaigns.operators import Operators


async def test_a_campaign_is_shown_as_it_is_stored(operators: Operators) -> None:
    launched = await operators.launch()

    shown = await operators.use_cases.show(caller=operators.caller, project=None, campaign=launched.id)

    assert shown == messages.campaign_to(await operators.row(launched))


async def test_a_page_says_how_many_there_are_in_all(operators: Operators) -> None:
    first, second, third = [await operators.create() for _ in range(3)]
    wanted = Wanted(tenant=operators.caller.tenant(), project=operators.project)

    page, total = await operators.use_cases.list_counted_page(wanted, Slice(before=third.id, skip=0, limit=1))
    last, _ = await operators.use_cases.list_counted_page(wanted, Slice(before=None, skip=2, limit=5))

    assert ([item.id for item in page], total) == ([second.id], 3)
    assert [item.id for item in last] == [first.id]


async def test_a_page_behind_the_last_one_is_empty_and_knows_the_total(operators: Operators) -> None:
    await operators.create()
    wanted = Wanted(tenant=operators.caller.tenant(), project=operators.project)

    assert await operators.use_cases.list_counted_page(wanted, Slice(before=None, skip=1, limit=5)) == ([], 1)


async def test_a_list_is_of_what_is_wanted(operators: Operators) -> None:
    draft, active = await operators.create(display_name="Ärger 100%"), await operators.launch()
    everything = {"tenant": operators.caller.tenant(), "project": operators.project}

    async def found(**wanted: object) -> list[bytes]:
        part = Slice(before=None, skip=0, limit=5)
        return [item.id for item in await operators.use_cases.list_page(Wanted(**everything | wanted), part)]  # type: ignore[arg-type]

    assert await found() == [active.id, draft.id]
    assert await found(states=(int(State.ACTIVE),)) == [active.id]
    assert await found(query="ärger 100%") == [draft.id]
    assert await found(created_from=active.created_at) == [active.id]
    assert await found(created_before=active.created_at) == [draft.id]
    assert await found(project=ids.new_id()) == []


async def test_who_knows_a_campaigns_revision_is_told_of_newer_ones_only(operators: Operators) -> None:
    known, changed, unknown = await operators.create(), await operators.create(), await operators.create()
    await operators.use_cases.delete(caller=operators.caller, project=None, campaign=changed.id)
    asked = [known, changed, unknown]
    request = BatchGetStatesRequest(
        campaigns=[campaign.id for campaign in asked],
        known_revisions=[known.revision, changed.revision],
    )

    told = await RunFeed(operators.database).BatchGetStates(request, None)

    assert {fact.campaign for fact in told.facts} == {changed.id, unknown.id}
