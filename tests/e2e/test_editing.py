"""Drafts are edited, campaigns listed, deleted, archived, sent again; a repeated key has one effect. Native API."""

from __future__ import annotations

import asyncio
import datetime

import pytest

from tests.e2e.books import push, wait_until_ended
from tests.stacks import Running
from tools.client import CallFailed, Client, Json
from tools.workspace import Workspace, add_people


def _campaign(**changes: object) -> Json:
    return {
        "displayName": "Draft",
        "channels": ["CHANNEL_PUSH"],
        "audience": {"filter": {}},
        "pushContent": {"title": "Hello", "body": "World"},
    } | changes


async def _create(native: Client, workspace: Workspace, body: Json) -> Json:
    return await native.call("POST", f"/v1/projects/{workspace.project}/campaigns", body)


async def test_a_draft_is_edited_and_launched_by_its_schedule(
    stack: Running, workspace: Workspace, native: Client
) -> None:
    await add_people(stack.described, workspace, 5)
    draft = await _create(native, workspace, _campaign())

    content = {"pushContent": {"title": "Other"}}
    edited = await native.call("PATCH", f"/v1/{draft['name']}", content, updateMask="pushContent")
    launched = await native.call("PATCH", f"/v1/{draft['name']}", {"schedule": {"immediate": True}})
    with pytest.raises(CallFailed) as refused:
        await native.call("PATCH", f"/v1/{draft['name']}", {"displayName": "Too late"})

    assert (edited["pushContent"]["title"], edited["pushContent"]["body"]) == ("Other", "")
    assert edited["displayName"] == "Draft"
    assert (launched["state"], launched["queuedMessageCount"]) == ("STATE_ACTIVE", 5)
    assert refused.value.status == 409
    assert "CAMPAIGN_NOT_EDITABLE" in refused.value.body


async def test_an_old_etag_is_refused(workspace: Workspace, native: Client) -> None:
    draft = await _create(native, workspace, _campaign())
    await native.call("PATCH", f"/v1/{draft['name']}", {"displayName": "Newer"})

    with pytest.raises(CallFailed) as refused:
        await native.call("PATCH", f"/v1/{draft['name']}", {"displayName": "Older", "etag": draft["etag"]})

    assert refused.value.status == 409
    assert "CAMPAIGN_CHANGED" in refused.value.body


async def test_a_scheduled_campaign_starts_on_time_and_once(
    stack: Running, workspace: Workspace, native: Client, reachbell: Client
) -> None:
    await add_people(stack.described, workspace, 3)
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
    schedule = {"schedule": {"startTime": at.isoformat()}}
    scheduled = await _create(native, workspace, _campaign(**schedule))
    await wait_until_ended(reachbell, scheduled["name"].rpartition("/")[2], seconds=30)
    ended = await native.call("GET", f"/v1/{scheduled['name']}")
    runs = (await native.call("GET", f"/v1/{scheduled['name']}/runs"))["runs"]

    assert scheduled["state"] == "STATE_SCHEDULED"
    late = datetime.datetime.fromisoformat(ended["startTime"]) - at
    assert datetime.timedelta(0) <= late < datetime.timedelta(seconds=2)
    assert len(runs) == 1


async def test_a_start_just_missed_is_at_once_and_an_old_one_is_refused(workspace: Workspace, native: Client) -> None:
    now = datetime.datetime.now(datetime.UTC)
    just_past = (now - datetime.timedelta(minutes=4)).isoformat()
    long_past = (now - datetime.timedelta(minutes=6)).isoformat()

    started = await _create(native, workspace, _campaign(schedule={"startTime": just_past}))
    with pytest.raises(CallFailed) as refused:
        await _create(native, workspace, _campaign(schedule={"startTime": long_past}))

    assert started["state"] == "STATE_ACTIVE"
    assert refused.value.status == 400
    assert "schedule.start_time" in refused.value.body or "schedule.startTime" in refused.value.body


async def test_a_deleted_campaign_is_gone_and_a_sent_one_stays(
    workspace: Workspace, native: Client, reachbell: Client
) -> None:
    draft = await _create(native, workspace, _campaign())
    sent = await reachbell.call("POST", "/campaigns", push(workspace))
    await wait_until_ended(reachbell, sent["id"], seconds=30)
    sent_name = f"/v1/projects/{workspace.project}/campaigns/{sent['id']}"

    await native.call("DELETE", f"/v1/{draft['name']}")
    with pytest.raises(CallFailed) as gone:
        await native.call("GET", f"/v1/{draft['name']}")
    with pytest.raises(CallFailed) as refused:
        await native.call("DELETE", sent_name)
    archived = await native.call("POST", f"{sent_name}:archive", {})

    assert gone.value.status == 404
    assert refused.value.status == 409
    assert archived["state"] == "STATE_ARCHIVED"


async def test_a_campaign_is_sent_again_as_a_new_one(
    stack: Running, workspace: Workspace, native: Client, reachbell: Client
) -> None:
    await add_people(stack.described, workspace, 10)
    first = await reachbell.call("POST", "/campaigns", push(workspace))
    before = await wait_until_ended(reachbell, first["id"], seconds=30)
    name = f"/v1/projects/{workspace.project}/campaigns/{first['id']}"
    us = {"filter": {"condition": {"attribute": "country", "operator": "OPERATOR_ANY_OF", "values": ["US"]}}}

    again = await native.call("POST", f"{name}:resend", {"audience": us})
    shown = await wait_until_ended(reachbell, again["name"].rpartition("/")[2], seconds=30)
    after = await reachbell.call("GET", f"/campaigns/{first['id']}")

    assert again["name"] != name.removeprefix("/v1/")
    assert shown["stats"]["sent"] == 1
    assert after == before


async def test_lists_are_filtered_counted_and_skipped(workspace: Workspace, native: Client) -> None:
    for name in ("Größe 100%", "Grösse_2", "plain"):
        await _create(native, workspace, _campaign(displayName=name))
    path = f"/v1/projects/{workspace.project}/campaigns"

    every = await native.call("GET", path, pageSize="2")
    rest = await native.call("GET", path, pageSize="2", skip="2")
    folded = await native.call("GET", path, query="GRÖ")
    literal = await native.call("GET", path, query="_")
    drafts = await native.call("GET", path, states="STATE_DRAFT")
    active = await native.call("GET", path, states="STATE_ACTIVE")
    before = await native.call("GET", path, createdBefore="2026-01-01T00:00:00Z")
    since = await native.call("GET", path, createdFrom="2026-01-01T00:00:00Z")

    assert [item["displayName"] for item in every["campaigns"]] == ["plain", "Grösse_2"]
    assert every["totalSize"] == 3
    assert [item["displayName"] for item in rest["campaigns"]] == ["Größe 100%"]
    assert folded["totalSize"] == 2
    assert [item["displayName"] for item in literal["campaigns"]] == ["Grösse_2"]
    assert (drafts["totalSize"], active.get("totalSize", 0)) == (3, 0)
    assert (before.get("totalSize", 0), since["totalSize"]) == (0, 3)


async def test_a_repeated_key_has_one_effect_and_one_answer(stack: Running, workspace: Workspace) -> None:
    headers = {**workspace.key_header, "Idempotency-Key": "one"}
    path = f"/v1/projects/{workspace.project}/campaigns"
    async with Client(stack.described["native"], headers) as client:
        first, second, third = await asyncio.gather(*(client.call("POST", path, _campaign()) for _ in range(3)))
        with pytest.raises(CallFailed) as refused:
            await client.call("POST", path, _campaign(displayName="Other"))
        listed = await client.call("GET", path)

    assert first == second == third
    assert listed["totalSize"] == 1
    assert refused.value.status == 409
    assert "IDEMPOTENCY_KEY_REUSED" in refused.value.body
