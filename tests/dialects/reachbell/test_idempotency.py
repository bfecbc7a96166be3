"""A repeated Idempotency-Key: one effect, the same bytes."""

from __future__ import annotations

import asyncio
import json

from tests.dialects.reachbell.raw_http import RawAnswer, ask
from tests.e2e.books import push, wait_until_ended
from tests.stacks import Running
from tools.client import Client
from tools.workspace import Workspace, add_people


class Caller:
    """Posts with a key."""

    def __init__(self, stack: Running, workspace: Workspace) -> None:
        self._url = stack.described["dialects"]["reachbell"]
        self._headers = {**workspace.key_header, "content-type": "application/json"}

    async def post(self, path: str, body: object = None, *, key: str) -> RawAnswer:
        raw = json.dumps(body).encode() if body is not None else b""
        headers = {**self._headers, "idempotency-key": key}
        return await asyncio.to_thread(ask, self._url, "POST", path, headers=headers, body=raw)


async def test_a_create_that_is_repeated_is_answered_the_same(
    stack: Running, workspace: Workspace, reachbell: Client
) -> None:
    await add_people(stack.described, workspace, 3)
    caller = Caller(stack, workspace)
    body = push(workspace, filters={"country": ["US", "CA"], "tags": ["newsletter"], "locale": ["en-US", "en-CA"]})

    answers = await asyncio.gather(*(caller.post("/campaigns", body, key="a") for _ in range(8)))
    await wait_until_ended(reachbell, answers[0].json["id"], seconds=30)
    late = await caller.post("/campaigns", body, key="a")
    other = await caller.post("/campaigns", body | {"name": "Another"}, key="a")

    assert {(answer.status, answer.body) for answer in [*answers, late]} == {(201, late.body)}
    assert (other.status, other.json["error"]["code"]) == (409, "idempotency_key_reused")
    listed = await reachbell.call("GET", f"/campaigns/project/{workspace.project}")
    assert listed["total"] == 1


async def test_a_draft_that_is_sent_twice_with_a_key_starts_once(
    stack: Running, workspace: Workspace, reachbell: Client
) -> None:
    await add_people(stack.described, workspace, 3)
    draft = await reachbell.call("POST", "/campaigns", push(workspace) | {"schedule": {"mode": "draft"}})
    caller, path = Caller(stack, workspace), f"/campaigns/{draft['id']}/send"

    first = await caller.post(path, key="b")
    await wait_until_ended(reachbell, draft["id"], seconds=30)
    again = await caller.post(path, key="b")  # sent by now: without the key it would be sent again
    other = await caller.post(path, {"segment": {"filters": {"country": ["US"]}}}, key="b")

    assert (first.status, first.body) == (again.status, again.body)
    assert (first.status, first.json["id"], first.json["status"]) == (200, draft["id"], "sending")
    assert other.status == 409


async def test_a_sent_campaign_is_sent_again_once_a_key(
    stack: Running, workspace: Workspace, reachbell: Client
) -> None:
    await add_people(stack.described, workspace, 3)
    sent = await reachbell.call("POST", "/campaigns", push(workspace))
    await wait_until_ended(reachbell, sent["id"], seconds=30)
    caller, path = Caller(stack, workspace), f"/campaigns/{sent['id']}/send"

    answers = await asyncio.gather(*(caller.post(path, key="c") for _ in range(6)))
    other = await caller.post(path, key="d")

    assert {(answer.status, answer.body) for answer in answers} == {(201, answers[0].body)}
    assert other.json["id"] not in (sent["id"], answers[0].json["id"])
    listed = await reachbell.call("GET", f"/campaigns/project/{workspace.project}")
    assert listed["total"] == 3


async def test_a_create_is_answered_the_same_after_its_campaign_was_deleted(
    stack: Running, workspace: Workspace, reachbell: Client
) -> None:
    caller, body = Caller(stack, workspace), {"name": "Draft", "projectId": workspace.project}

    first = await caller.post("/campaigns", body, key="e")
    await reachbell.call("DELETE", f"/campaigns/{first.json['id']}")
    again = await caller.post("/campaigns", body, key="e")

    assert (again.status, again.body) == (201, first.body)
    assert (await reachbell.call("GET", f"/campaigns/project/{workspace.project}"))["total"] == 0


async def test_a_send_is_answered_the_same_after_its_campaign_was_deleted(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client
) -> None:
    caller, campaigns = Caller(stack, workspace), f"/v1/projects/{workspace.project}/campaigns"
    draft = await reachbell.call("POST", "/campaigns", push(workspace) | {"schedule": {"mode": "draft"}})
    started = await caller.post(f"/campaigns/{draft['id']}/send", key="f")
    await wait_until_ended(reachbell, draft["id"], seconds=30)
    cancelled = await reachbell.call("POST", "/campaigns", push(workspace) | {"schedule": {"mode": "draft"}})
    await native.call("POST", f"{campaigns}/{cancelled['id']}:cancel", {})
    override = {"segment": {"filters": {"tags": ["did-not-open"]}}}
    resent = await caller.post(f"/campaigns/{cancelled['id']}/send", override, key="g")

    await reachbell.call("DELETE", f"/campaigns/{cancelled['id']}")
    again = await caller.post(f"/campaigns/{cancelled['id']}/send", override, key="g")
    other = await caller.post(f"/campaigns/{cancelled['id']}/send", key="g")
    without = await caller.post(f"/campaigns/{cancelled['id']}/send", override, key="h")

    assert (resent.status, started.status) == (201, 200)
    assert (again.status, again.body) == (resent.status, resent.body)
    assert (other.status, other.json["error"]["code"]) == (409, "idempotency_key_reused")
    assert without.status == 404
