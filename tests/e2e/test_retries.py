"""What failed is sent again by a further run: to those whom it failed for, once, under the same key."""

from __future__ import annotations

import pytest

from tests.e2e.books import check_equal, push, read_books, wait_until_ended
from tests.stacks import Running
from tools.client import Client, Json
from tools.workspace import Workspace, add_people

PEOPLE = 30


@pytest.fixture
async def failed(stack: Running, workspace: Workspace, reachbell: Client, sandbox: Client) -> str:
    """A campaign of whose messages the push service refused about half."""
    await add_people(stack.described, workspace, PEOPLE)
    await sandbox.call("PUT", "/faults", {"rejected": 0.5, "seed": 1})
    try:
        campaign: str = (await reachbell.call("POST", "/campaigns", push(workspace)))["id"]
        await wait_until_ended(reachbell, campaign, seconds=60)
    finally:
        await sandbox.call("PUT", "/faults", {})
    return campaign


async def retry(native: Client, workspace: Workspace, campaign: str, **asked: object) -> Json:
    path = f"/v1/projects/{workspace.project}/campaigns/{campaign}:retryMessages"
    answer: Json = await native.call("POST", path, {"states": ["MESSAGE_STATE_FAILED"], **asked})
    return answer


async def test_a_retry_reaches_those_who_were_not_reached_and_nobody_else(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client, failed: str
) -> None:
    before = await read_books(stack.described, workspace, failed)
    count = before.rows["failed"]

    answer = await retry(native, workspace, failed)
    shown = await wait_until_ended(reachbell, failed, seconds=60)

    after = await read_books(stack.described, workspace, failed)
    assert 0 < count < PEOPLE
    assert (answer["state"], shown["status"]) == ("STATE_ACTIVE", "sent")
    check_equal(after, sent=PEOPLE, failed=count)
    assert len(after.reached) == len(after.ledger) == PEOPLE
    assert after.repeats == 0


async def test_a_retry_of_a_few_touches_no_others_and_takes_none_twice(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client, failed: str
) -> None:
    before = await read_books(stack.described, workspace, failed)
    (run,) = (await native.call("GET", f"/v1/projects/{workspace.project}/campaigns/{failed}/runs"))["runs"]
    everything = [f"{run['name']}/messages/0-{position}" for position in range(PEOPLE // 2)]

    reached = []
    for _ in range(2):
        await retry(native, workspace, failed, messages=everything)
        await wait_until_ended(reachbell, failed, seconds=60)
        reached.append(len((await read_books(stack.described, workspace, failed)).ledger))

    after = await read_books(stack.described, workspace, failed)
    assert len(before.ledger) < reached[0] < PEOPLE
    assert reached[1] == reached[0]
    assert after.repeats == 0
    check_equal(after, sent=reached[0], failed=before.rows["failed"])


async def test_a_retry_by_a_reason_that_nothing_failed_for_completes_at_once(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client, failed: str
) -> None:
    before = await read_books(stack.described, workspace, failed)

    await retry(native, workspace, failed, reasons=["NOT_THIS_ONE"])
    await wait_until_ended(reachbell, failed, seconds=30)

    after = await read_books(stack.described, workspace, failed)
    assert (after.rows, after.reachbell["stats"]) == (before.rows, before.reachbell["stats"])
    assert after.reconciliation["balanced"] is True
