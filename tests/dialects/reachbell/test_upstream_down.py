"""A part that is down and does not come back: 503 with Retry-After, in the one shape, and nothing stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.dialects.reachbell.raw_http import ask
from tests.e2e.books import push, wait_until_ended
from tests.stacks import own_stack, running
from tools.client import Client
from tools.stack.stack import Stack
from tools.workspace import add_people, make_workspace

# What is asked while a part is down.
ASKED = {
    "campaigns": ("GET", "/campaigns/{sent}"),
    "analytics": ("GET", "/campaigns/project/{project}"),
    "segments": ("POST", "/campaigns"),
    "gateway": ("GET", "/campaigns/{sent}"),
}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def own() -> Iterator[Stack]:
    """A stack whose parts may be stopped."""
    with own_stack() as stack:
        yield stack


async def test_a_part_that_is_down_is_503(own: Stack) -> None:
    there = running(own)
    url = there.described["dialects"]["reachbell"]
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Down")
    await add_people(there.described, workspace, 3)
    async with Client(url, workspace.key_header) as reachbell:
        sent = (await reachbell.call("POST", "/campaigns", push(workspace)))["id"]
        await wait_until_ended(reachbell, sent, seconds=30)
    headers = {**workspace.key_header, "content-type": "application/json"}

    for part, (method, target) in ASKED.items():
        target = target.replace("{sent}", sent).replace("{project}", workspace.project)
        body = json.dumps(push(workspace)).encode() if method == "POST" else b""
        await asyncio.to_thread(own.stop, part)
        answer = await asyncio.to_thread(ask, url, method, target, headers=headers, body=body)
        await asyncio.to_thread(own.start, part)
        await asyncio.to_thread(own.wait_until_ready)

        assert (answer.status, answer.json["error"]["code"]) == (503, "unavailable"), (part, answer)
        assert answer.json["error"].keys() == {"code", "message", "field", "requestId"}
        assert int(answer.headers["retry-after"]) >= 1

    async with Client(url, workspace.key_header) as reachbell:
        assert (await reachbell.call("GET", f"/campaigns/project/{workspace.project}"))["total"] == 1
