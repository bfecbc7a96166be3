"""Single messages by REST and by gRPC: listed, shown, explained; and the books that they add up to."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from carillon.delivery.v1.messages_service_pb2 import GetMessageRequest, ListMessagesRequest
from carillon.delivery.v1.messages_service_pb2_grpc import MessagesServiceStub
from click.testing import CliRunner

from gateway.cli.main import cli
from services.runtime import ids
from tests.e2e.books import push, wait_until_ended
from tests.stacks import Running
from tools.client import CallFailed, Client, Json
from tools.workspace import Workspace, add_people

PEOPLE = 30


async def sent_to(reachbell: Client, workspace: Workspace) -> str:
    """The path of a campaign that has ended."""
    created = await reachbell.call("POST", "/campaigns", push(workspace))
    await wait_until_ended(reachbell, created["id"], seconds=60)
    return f"/v1/projects/{workspace.project}/campaigns/{created['id']}"


async def every(native: Client, path: str, **filters: str) -> list[Json]:
    """All pages."""
    found: list[Json] = []
    token = ""
    while True:
        page = await native.call("GET", path, pageSize="7", pageToken=token, **filters)
        found += page.get("messages", [])
        token = page.get("nextPageToken", "")
        if not token:
            return found


async def test_a_campaigns_messages_are_listed_and_shown_the_same_by_rest_and_by_grpc(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client
) -> None:
    await add_people(stack.described, workspace, PEOPLE)
    campaign = await sent_to(reachbell, workspace)

    listed = await every(native, f"{campaign}/messages")
    shown = await native.call("GET", "/v1/" + listed[3]["name"])
    by_contact = await every(
        native, f"{campaign}/runs/-/messages", contact=listed[3]["contact"], states="MESSAGE_STATE_SENT"
    )
    async with grpc.aio.insecure_channel(stack.described["grpc"]) as channel:
        messages, metadata = MessagesServiceStub(channel), list(workspace.key_header.items())
        request = ListMessagesRequest(parent=campaign.removeprefix("/v1/"), page_size=1000)
        by_grpc = await messages.ListMessages(request, metadata=metadata)
        one = await messages.GetMessage(GetMessageRequest(name=listed[3]["name"]), metadata=metadata)

    assert len({message["contact"] for message in listed}) == PEOPLE
    assert {message["state"] for message in listed} == {"MESSAGE_STATE_SENT"}
    assert [message.name for message in by_grpc.messages] == [message["name"] for message in listed]
    assert [message["name"] for message in by_contact] == [listed[3]["name"]]
    assert shown["address"].startswith("http")
    assert [(item["number"], item["outcome"]) for item in shown["attempts"]] == [(1, "ACCEPTED")]
    assert one.address == shown["address"]
    assert await every(native, f"{campaign}/messages", states="MESSAGE_STATE_FAILED") == []


async def test_why_somebody_was_or_would_be_messaged_is_said(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client
) -> None:
    await add_people(stack.described, workspace, 3, without_browser=1)
    campaign = await sent_to(reachbell, workspace)
    (anna, *_) = [message["contact"] for message in await every(native, f"{campaign}/messages")]
    americans = {"condition": {"attribute": "country", "operator": "OPERATOR_ANY_OF", "values": ["US"]}}
    draft = await native.call(
        "POST",
        f"/v1/projects/{workspace.project}/campaigns",
        {"displayName": "Later", "channels": ["CHANNEL_PUSH"], "audience": {"filter": americans}},
    )
    body = {
        "parent": f"projects/{workspace.project}",
        "contacts": [{"externalId": "person-without-0", "country": "US"}],
    }
    upserted = await native.call("POST", f"/v1/{body.pop('parent')}/contacts:batchUpsert", body)
    without = upserted["names"][0]

    was = await native.call("GET", f"{campaign}:explainRecipient", contact=anna)
    was_not = await native.call("GET", f"{campaign}:explainRecipient", contact=without)
    answers = {
        contact: (await native.call("GET", f"/v1/{draft['name']}:explainRecipient", contact=contact))["findings"]
        for contact in {anna, without} | {m["contact"] for m in await every(native, f"{campaign}/messages")}
    }

    assert [finding["verdict"] for finding in was["findings"]] == ["VERDICT_FINAL"]
    assert "accepted" in was["summary"]
    assert [finding["verdict"] for finding in was_not["findings"]] == ["VERDICT_NO_ADDRESS"]
    assert sorted(finding["verdict"] for findings in answers.values() for finding in findings) == [
        "VERDICT_NOT_IN_AUDIENCE",
        "VERDICT_NOT_IN_AUDIENCE",
        "VERDICT_NO_ADDRESS",
        "VERDICT_WOULD_BE_SENT",
    ]


async def test_a_reconciliation_tells_who_was_suppressed_and_what_people_did(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client, sandbox: Client
) -> None:
    await add_people(stack.described, workspace, PEOPLE)
    first = await sent_to(reachbell, workspace)
    for message in (await every(native, f"{first}/messages"))[:2]:
        await native.call(
            "POST", f"/v1/{message['contact']}:suppress", {"channels": ["CHANNEL_PUSH"], "reason": "ASKED_BY_PHONE"}
        )
    second = await sent_to(reachbell, workspace)
    name = second.rpartition("/")[2]
    clicks = [line async for line in sandbox.lines("POST", "/clicks", campaign=name, share="0.5", event="clicked")]

    for _ in range(40):
        books = await native.call("GET", f"{second}:reconcile")
        if books["balanced"] and books["shownReceipts"]["clicked"] == len(clicks):
            break
    listed = await every(native, f"{second}/messages", states="MESSAGE_STATE_SUPPRESSED", reasons="ASKED_BY_PHONE")

    assert clicks
    assert books["differences"] == []
    assert books["suppressedByReason"] == {"ASKED_BY_PHONE": 2}
    assert books["deliveryReceipts"] == books["analyticsReceipts"] == books["shownReceipts"]
    assert books["deliveryReceipts"]["clicked"] == len(clicks)
    assert len(listed) == 2


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("pageSize=-1", 400, "page_size"),
        ("pageToken=x", 400, "page_token"),
        ("states=SENT", 400, "states"),
        ("states=MESSAGE_STATE_UNSPECIFIED", 400, "states[0]"),
        ("channels=CHANNEL_UNSPECIFIED", 400, "channels[0]"),
        ("contact=con_x", 404, "contact"),
        ("contact=projects/proj_x/contacts/con_x", 404, "contact"),
        ("state=MESSAGE_STATE_SENT", 400, "state"),
        ("parent=x", 400, "parent"),
    ],
)
async def test_a_filter_that_is_none_is_refused(
    workspace: Workspace, reachbell: Client, native: Client, query: str, status: int, field: str
) -> None:
    draft = await reachbell.call("POST", "/campaigns", push(workspace) | {"schedule": {"mode": "draft"}})

    with pytest.raises(CallFailed) as refused:
        await native.call("GET", f"/v1/projects/{workspace.project}/campaigns/{draft['id']}/messages?{query}")

    assert refused.value.status == status, refused.value.body
    assert f'"field":"{field}"' in refused.value.body.replace(" ", ""), refused.value.body


async def test_a_message_that_never_was_is_404(workspace: Workspace, reachbell: Client, native: Client) -> None:
    draft = await reachbell.call("POST", "/campaigns", push(workspace) | {"schedule": {"mode": "draft"}})
    campaign = f"/v1/projects/{workspace.project}/campaigns/{draft['id']}"
    run = ids.spell("run", ids.new_id())

    for path in (
        f"{campaign}/runs/{run}/messages/0-0",
        f"{campaign}/runs/{run}/messages/x",
        f"{campaign}/runs/{run}/messages",
    ):
        with pytest.raises(CallFailed) as refused:
            await native.call("GET", path)
        assert refused.value.status == 404, path

    assert await every(native, f"{campaign}/messages") == []


async def test_the_command_line_lists_explains_and_suppresses(
    stack: Running, workspace: Workspace, reachbell: Client
) -> None:
    await add_people(stack.described, workspace, 3)
    campaign = (await sent_to(reachbell, workspace)).rpartition("/")[2]

    def carillon(*words: str) -> list[str]:
        run = CliRunner().invoke(cli, ["--address", stack.described["grpc"], "--key", workspace.api_key, *words])
        assert run.exit_code == 0, run.output
        return run.output.splitlines()

    listed = await asyncio.to_thread(carillon, "campaign", "messages", campaign, "--state", "sent")
    contact = listed[0].split()[1]
    told = await asyncio.to_thread(carillon, "campaign", "explain", campaign, contact)
    of_contact = (contact, "--project", workspace.project)
    suppressed = await asyncio.to_thread(carillon, "contacts", "suppress", *of_contact, "--channel", "push")
    shown = await asyncio.to_thread(carillon, "contacts", "suppressions", *of_contact)
    left = await asyncio.to_thread(carillon, "contacts", "unsuppress", *of_contact, "--channel", "push")

    assert [line.split()[2:] for line in listed] == [["push", "sent"]] * 3
    assert told[0].startswith("By push: it was sent")
    assert suppressed == shown
    assert shown[0].startswith("push SUPPRESSED_BY_PROJECT 2")
    assert left == []
