"""One email campaign and one campaign of HTTP calls, each by REST and by gRPC, from the create to every book."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.campaigns.v1.campaigns_service_pb2 import CreateCampaignRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from google.protobuf.json_format import ParseDict

from tests.e2e.books import check_equal, read_books, wait_until_ended
from tests.stacks import Running
from tools.client import Client, Json
from tools.providers import add_endpoint, add_mail_account, add_template
from tools.workspace import Workspace, add_people, last_part

PEOPLE = 120
Make = Callable[[Running, Workspace, Json], Awaitable[str]]


async def by_rest(stack: Running, workspace: Workspace, campaign: Json) -> str:
    async with Client(stack.described["native"], workspace.key_header) as native:
        made = await native.call("POST", f"/v1/projects/{workspace.project}/campaigns", campaign)
    return last_part(made["name"])


async def by_grpc(stack: Running, workspace: Workspace, campaign: Json) -> str:
    async with grpc.aio.insecure_channel(stack.described["grpc"]) as channel:
        made = await CampaignsServiceStub(channel).CreateCampaign(
            CreateCampaignRequest(parent=f"projects/{workspace.project}", campaign=ParseDict(campaign, Campaign())),
            metadata=list(workspace.key_header.items()),
        )
    return last_part(made.name)


def campaign(channel: str, **content: Any) -> Json:
    return {
        "displayName": "Spring",
        "channels": [channel],
        "audience": {"filter": {}},
        "schedule": {"immediate": True},
        **content,
    }


def email(account: str, template: str) -> Json:
    content = {
        "providerAccount": account,
        "template": template,
        "fromEmail": "news@example.com",
        "fromName": "Example",
        "replyTo": "help@example.com",
    }
    return campaign("CHANNEL_EMAIL", emailContent=content)


def http_call(account: str) -> Json:
    content = {
        "providerAccount": account,
        "content": '{"title": "Spring", "template": 7}',
        "contactFields": ["plan", "country"],
    }
    return campaign("CHANNEL_HTTP", httpContent=content)


async def seen(stack: Running, campaign: str) -> dict[str, Json]:
    """Who → what they see, by the outside world; nobody twice."""
    async with Client(stack.described["sandbox"]) as sandbox:
        lines = [line async for line in sandbox.lines("GET", "/messages", campaign=campaign, content="1")]
    assert len({line["to"] for line in lines}) == len(lines)
    return {line["to"]: line["content"] for line in lines}


@pytest.mark.parametrize("make", [by_rest, by_grpc])
async def test_an_email_campaign_reaches_everybody_in_their_own_words(
    stack: Running, workspace: Workspace, reachbell: Client, make: Make
) -> None:
    await add_people(stack.described, workspace, 0, without_browser=PEOPLE, name="ann")
    account, template = await asyncio.gather(
        add_mail_account(stack.described, workspace), add_template(stack.described, workspace)
    )

    made = await make(stack, workspace, email(account, template))
    await wait_until_ended(reachbell, made, seconds=60)

    books = await read_books(stack.described, workspace, made)
    check_equal(books, sent=PEOPLE)
    assert books.repeats == 0
    emails = await seen(stack, made)
    assert set(emails) == {f"ann-without-{number}@example.com" for number in range(PEOPLE)}
    one, other = emails["ann-without-3@example.com"], emails["ann-without-4@example.com"]
    assert one["title"] == "ann-without-3, spring sale is live"
    assert "with your pro plan" in one["body"]
    assert "with your free plan" in other["body"]


@pytest.mark.parametrize("make", [by_rest, by_grpc])
async def test_a_campaign_of_http_calls_reaches_everybody(
    stack: Running, workspace: Workspace, reachbell: Client, make: Make
) -> None:
    await add_people(stack.described, workspace, 0, without_browser=PEOPLE, name="bob")
    account = await add_endpoint(stack.described, workspace)

    made = await make(stack, workspace, http_call(account))
    await wait_until_ended(reachbell, made, seconds=60)

    books = await read_books(stack.described, workspace, made)
    check_equal(books, sent=PEOPLE)
    calls = await seen(stack, made)
    assert set(calls) == {f"bob-without-{number}" for number in range(PEOPLE)}
    assert calls["bob-without-3"]["content"] == {"title": "Spring", "template": 7}
    assert calls["bob-without-3"]["fields"] == {"plan": "pro", "country": "FR"}


async def test_a_tried_account_says_that_it_works(stack: Running, workspace: Workspace, native: Client) -> None:
    for account in (await add_mail_account(stack.described, workspace), await add_endpoint(stack.described, workspace)):
        assert await native.call("POST", f"/v1/{account}:test", {}) == {"ok": True, "reason": "", "message": ""}


async def test_what_a_deleted_account_holds_up_ends_when_the_campaign_is_cancelled(
    stack: Running, workspace: Workspace, native: Client, reachbell: Client
) -> None:
    await add_people(stack.described, workspace, 0, without_browser=30, name="cid")
    account = await add_endpoint(stack.described, workspace)
    draft = http_call(account) | {"schedule": {"immediate": False}}
    made = await by_rest(stack, workspace, {key: draft[key] for key in draft if key != "schedule"})
    name = f"/v1/projects/{workspace.project}/campaigns/{made}"
    async with Client(stack.described["sandbox"]) as sandbox:
        await sandbox.call("PUT", "/faults", {"throttled": 1, "retry_after": 1})
        try:
            await native.call("POST", f"{name}:start", {})
            await native.call("DELETE", f"/v1/{account}")
            await asyncio.sleep(3)
        finally:
            await sandbox.call("DELETE", "/faults")
    await asyncio.sleep(2)

    waiting = await native.call("GET", f"{name}:reconcile")
    await native.call("POST", f"{name}:cancel", {})
    await wait_until_ended(reachbell, made, seconds=30)
    deadline = time.monotonic() + 30
    while (books := await read_books(stack.described, workspace, made)).rows != {"cancelled": 30}:
        assert time.monotonic() < deadline, books
        await asyncio.sleep(0.3)

    assert waiting["delivery"]["pending"] == 30
    assert await seen(stack, made) == {}
