"""Pause means now, resume goes on, cancel ends; and after each, everybody is accounted for."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.e2e.books import check_equal, push, read_books, wait_until_ended
from tests.stacks import Running
from tools.client import CallFailed, Client, Json
from tools.workspace import Workspace, add_people

PEOPLE = 4_000
SLOWLY = {"requests_per_second": 400}  # so that nobody's campaign has ended before it is stopped


def _instant(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@asynccontextmanager
async def _being_sent(sandbox: Client, reachbell: Client, body: Json) -> AsyncIterator[str]:
    """The id of a campaign some of whose messages were sent; slowly, until what is done here is done."""
    await sandbox.call("PUT", "/faults", SLOWLY)
    try:
        campaign = str((await reachbell.call("POST", "/campaigns", body))["id"])
        async with asyncio.timeout(60):
            while not (await reachbell.call("GET", f"/campaigns/{campaign}"))["stats"]["sent"]:
                await asyncio.sleep(0.1)
        yield campaign
    finally:
        await sandbox.call("DELETE", "/faults")


async def test_after_a_pause_is_answered_no_call_starts_later_than_a_second(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client, sandbox: Client
) -> None:
    await add_people(stack.described, workspace, PEOPLE)
    async with _being_sent(sandbox, reachbell, push(workspace)) as campaign:
        name = f"/v1/projects/{workspace.project}/campaigns/{campaign}"
        paused = await native.call("POST", f"{name}:pause", {})
        answered = datetime.datetime.now(datetime.UTC)
    await asyncio.sleep(2.5)
    while_paused = await read_books(stack.described, workspace, campaign)
    await asyncio.sleep(1.0)
    still_paused = await read_books(stack.described, workspace, campaign)
    resumed = await native.call("POST", f"{name}:resume", {})
    await wait_until_ended(reachbell, campaign, seconds=60)
    at_rest = await read_books(stack.described, workspace, campaign)

    assert paused["state"] == "STATE_PAUSED"
    assert while_paused.reachbell["status"] == "paused"
    assert len(while_paused.ledger) < PEOPLE, "the pause came too late to mean anything"
    assert all(_instant(line["at"]) - answered < datetime.timedelta(seconds=1) for line in while_paused.ledger)
    assert len(still_paused.ledger) == len(while_paused.ledger)
    assert resumed["state"] == "STATE_ACTIVE"
    assert at_rest.repeats == 0
    check_equal(at_rest, sent=PEOPLE)


async def test_a_cancelled_campaign_sends_no_more_and_says_who_was_not_reached(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client, sandbox: Client
) -> None:
    await add_people(stack.described, workspace, PEOPLE)
    async with _being_sent(sandbox, reachbell, push(workspace)) as campaign:
        name = f"/v1/projects/{workspace.project}/campaigns/{campaign}"
        cancelled = await native.call("POST", f"{name}:cancel", {})
    await _wait_until_balanced(native, name)
    books = await read_books(stack.described, workspace, campaign)

    assert cancelled["state"] == "STATE_CANCELLED"
    sent = len(books.ledger)
    check_equal(books, sent=sent, cancelled=books.reconciliation["audience"] - sent)
    assert books.reachbell["status"] == "cancelled"


async def test_a_paused_campaign_can_be_cancelled_before_anything_was_sent(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client
) -> None:
    await add_people(stack.described, workspace, 50)
    body = push(workspace) | {"schedule": {"mode": "draft"}}
    draft = await reachbell.call("POST", "/campaigns", body)
    name = f"/v1/projects/{workspace.project}/campaigns/{draft['id']}"

    with pytest.raises(CallFailed) as refused:
        await native.call("POST", f"{name}:pause", {})
    cancelled = await native.call("POST", f"{name}:cancel", {})
    again = await native.call("POST", f"{name}:cancel", {})

    assert refused.value.status == 409
    assert "CAMPAIGN_NOT_PAUSABLE" in refused.value.body
    assert (cancelled["state"], again["state"]) == ("STATE_CANCELLED", "STATE_CANCELLED")


async def test_runs_are_listed_with_their_size(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client
) -> None:
    await add_people(stack.described, workspace, 30)
    created = await reachbell.call("POST", "/campaigns", push(workspace))
    await wait_until_ended(reachbell, created["id"], seconds=30)

    name = f"/v1/projects/{workspace.project}/campaigns/{created['id']}"
    (run,) = (await native.call("GET", f"{name}/runs"))["runs"]
    by_run = await native.call("GET", f"/v1/{run['name']}:reconcile")

    assert (run["state"], run["messageCount"], run["contactCount"]) == ("STATE_COMPLETED", 30, 30)
    assert by_run["balanced"] is True
    assert by_run["delivery"]["sent"] == 30


async def _wait_until_balanced(native: Client, name: str) -> None:
    for _ in range(100):
        if (await native.call("GET", f"{name}:reconcile")).get("balanced"):
            return
        await asyncio.sleep(0.3)
    raise AssertionError("it never balanced")
