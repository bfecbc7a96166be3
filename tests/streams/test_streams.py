"""A campaign's progress as a dashboard sees it: what comes when, how it ends, and who is sent away."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from services.runtime import ids
from tests.e2e.books import push, wait_until_ended
from tests.stacks import Running
from tests.streams.listening import Event, Listener
from tools.client import Client
from tools.workspace import Workspace, add_people, make_workspace

MANY = 6_000  # enough for a few seconds
QUIET_SECONDS = 15.0


@pytest.fixture
def listener(stack: Running, workspace: Workspace) -> Listener:
    return Listener(stack.described, workspace)


async def _paused(reachbell: Client, native: Client, workspace: Workspace) -> str:
    """A campaign whose numbers stand still."""
    created = await reachbell.call("POST", "/campaigns", push(workspace))
    await native.call("POST", f"/v1/projects/{workspace.project}/campaigns/{created['id']}:pause", {})
    await asyncio.sleep(2)  # what was on its way is counted
    return str(created["id"])


async def test_events_come_at_once_then_at_most_four_a_second_and_the_last_says_sent(
    stack: Running, workspace: Workspace, reachbell: Client, listener: Listener
) -> None:
    await add_people(stack.described, workspace, MANY)
    created = await reachbell.call("POST", "/campaigns", push(workspace))

    opened = time.monotonic()
    events = await listener.all(created["id"], seconds=60)

    took = events[-1].at - opened
    assert events[0].at - opened < 1.0
    assert len(events) <= 4 * took + 2, f"{len(events)} events in {took:.1f} s"
    assert _said(events[-1], "queued", "sent", "failed") == [MANY, MANY, 0]
    assert [_said(event, "status") for event in events] == [["sending"]] * (len(events) - 1) + [["sent"]]


async def test_an_event_is_flat_and_has_the_documented_keys(
    workspace: Workspace, reachbell: Client, listener: Listener
) -> None:
    created = await reachbell.call("POST", "/campaigns", push(workspace))

    (*_, last) = await listener.all(created["id"], seconds=30)

    assert last.data is not None
    assert {"queued", "sent", "clicked", "failed", "status"} <= last.data.keys()
    assert all(isinstance(value, int | str) for value in last.data.values())


async def test_every_event_has_another_id(
    stack: Running, workspace: Workspace, reachbell: Client, listener: Listener
) -> None:
    await add_people(stack.described, workspace, 500)
    created = await reachbell.call("POST", "/campaigns", push(workspace))

    events = await listener.all(created["id"], seconds=30)

    assert all(event.id for event in events)
    assert len({event.id for event in events}) == len(events)


async def test_a_campaign_that_has_ended_is_told_in_one_event(
    workspace: Workspace, reachbell: Client, native: Client, listener: Listener
) -> None:
    created = await reachbell.call("POST", "/campaigns", push(workspace))
    stats = f"/v1/projects/{workspace.project}/campaigns/{created['id']}/stats"
    async with asyncio.timeout(30):
        while not (await native.call("GET", stats)).get("final"):  # a moment after its status is
            await asyncio.sleep(0.2)

    events = await listener.all(created["id"], seconds=10)

    assert [event.data["status"] for event in events if event.data] == ["sent"]


async def test_who_has_seen_the_last_event_is_told_to_stop_reconnecting(
    workspace: Workspace, reachbell: Client, listener: Listener
) -> None:
    created = await reachbell.call("POST", "/campaigns", push(workspace))
    (*_, last) = await listener.all(created["id"], seconds=30)

    again = await listener.ask(created["id"], headers={"Last-Event-ID": last.id})

    assert (again.status, again.body) == (204, "")


async def test_who_missed_the_last_event_gets_it_after_a_reconnect(
    stack: Running, workspace: Workspace, reachbell: Client, listener: Listener
) -> None:
    await add_people(stack.described, workspace, 200)
    created = await reachbell.call("POST", "/campaigns", push(workspace))
    first = await listener.first(created["id"])
    await wait_until_ended(reachbell, created["id"], seconds=30)

    again = await listener.all(created["id"], seconds=10)

    assert again[-1].id != first.id
    assert _said(again[-1], "status", "sent") == ["sent", 200]


async def test_a_campaign_that_stands_still_is_told_at_once_and_then_kept_alive_by_comments(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client, listener: Listener
) -> None:
    await add_people(stack.described, workspace, MANY)
    campaign = await _paused(reachbell, native, workspace)

    opened = time.monotonic()
    stream = listener.events(campaign)
    first = await anext(stream)
    second = await anext(stream)
    await native.call("POST", f"/v1/projects/{workspace.project}/campaigns/{campaign}:resume", {})
    rest = [event async for event in stream]

    assert first.at - opened < 1.0
    assert first.data is not None
    assert first.data["status"] == "paused"
    assert second.data is None, "nothing has changed, so there is nothing to tell"
    assert QUIET_SECONDS - 1 < second.at - first.at < QUIET_SECONDS + 2
    assert _said(rest[-1], "status", "sent") == ["sent", MANY]


async def test_a_cancelled_campaign_ends_its_streams(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client, listener: Listener
) -> None:
    await add_people(stack.described, workspace, MANY)
    campaign = await _paused(reachbell, native, workspace)

    watched = asyncio.create_task(listener.all(campaign, seconds=30))
    await asyncio.sleep(0.5)
    await native.call("POST", f"/v1/projects/{workspace.project}/campaigns/{campaign}:cancel", {})
    events = await watched

    assert events[-1].data is not None
    assert events[-1].data["status"] == "cancelled"
    assert events[-1].data["queued"] == events[-1].data["sent"] + events[-1].data["failed"]


async def test_an_api_key_opens_no_stream(workspace: Workspace, reachbell: Client, listener: Listener) -> None:
    created = await reachbell.call("POST", "/campaigns", push(workspace))

    in_query = await listener.ask(created["id"], token=workspace.api_key)
    in_header = await listener.ask(created["id"], headers=workspace.key_header, token="", orgId="")
    bearer = {"Authorization": f"Bearer {workspace.jwt}", "x-org-id": workspace.organization}
    token_in_header = await listener.ask(created["id"], headers=bearer, token="", orgId="")

    assert [answer.status for answer in (in_query, in_header, token_in_header)] == [401, 401, 401]
    assert all(_error(answer.body)["code"] == _error(in_query.body)["code"] for answer in (in_header, token_in_header))


async def test_an_organization_that_is_not_the_tokens_is_403(
    stack: Running, workspace: Workspace, reachbell: Client, listener: Listener
) -> None:
    created = await reachbell.call("POST", "/campaigns", push(workspace))
    other = await make_workspace(stack.described, operator_key=stack.operator_key, display_name="Other")

    foreign = await listener.ask(created["id"], orgId=other.organization)
    invented = await listener.ask(created["id"], orgId=ids.spell("org", ids.new_id()))
    malformed = await listener.ask(created["id"], orgId="org_1")

    assert [answer.status for answer in (foreign, invented, malformed)] == [403, 403, 403]


async def test_another_organizations_campaign_is_404_as_json_like_one_that_never_was(
    stack: Running, workspace: Workspace, reachbell: Client
) -> None:
    created = await reachbell.call("POST", "/campaigns", push(workspace))
    other = await make_workspace(stack.described, operator_key=stack.operator_key, display_name="Other")
    stranger = Listener(stack.described, other)

    foreign = await stranger.ask(created["id"])
    unknown = await stranger.ask(ids.spell("cmp", ids.new_id()))

    assert (foreign.status, foreign.content_type) == (404, "application/json")
    assert _error(foreign.body) | {"requestId": ""} == _error(unknown.body) | {"requestId": ""}


def _said(event: Event, *keys: str) -> list[object]:
    assert event.data is not None, "a comment"
    return [event.data[key] for key in keys]


def _error(body: str) -> dict[str, object]:
    error: dict[str, object] = json.loads(body)["error"]
    return error
