"""One campaign to 10,000 people, from the POST to every book that is kept of it."""

from __future__ import annotations

from tests.e2e.books import check_equal, push, read_books, wait_until_ended
from tests.stacks import Running
from tools.client import Client, Json
from tools.workspace import Workspace, add_people

PEOPLE = 10_000


async def test_everybody_gets_one_message_and_every_book_says_so(
    stack: Running, workspace: Workspace, reachbell: Client
) -> None:
    await add_people(stack.described, workspace, PEOPLE, without_browser=5)

    created = await reachbell.call("POST", "/campaigns", push(workspace))
    events = await _watch(stack, workspace, created["id"])
    books = await read_books(stack.described, workspace, created["id"])

    assert created["status"] == "sending"
    assert created["stats"]["queued"] == PEOPLE
    assert [event["sent"] for event in events] == sorted(event["sent"] for event in events)
    assert [event["clicked"] for event in events] == sorted(event["clicked"] for event in events)
    assert events[-1]["status"] == "sent"
    assert {key: events[-1][key] for key in ("queued", "sent", "failed")} == {
        "queued": PEOPLE,
        "sent": PEOPLE,
        "failed": 0,
    }
    assert books.repeats == 0
    assert len(books.ledger) == PEOPLE
    check_equal(books, sent=PEOPLE)


async def test_people_whose_browser_is_gone_fail_and_are_not_in_the_next_audience(
    stack: Running, workspace: Workspace, reachbell: Client, sandbox: Client
) -> None:
    await add_people(stack.described, workspace, 20)
    first = await reachbell.call("POST", "/campaigns", push(workspace))
    await wait_until_ended(reachbell, first["id"], seconds=30)
    gone = (await read_books(stack.described, workspace, first["id"])).ledger[0]["to"]
    await sandbox.call("DELETE", f"/subscriptions/{gone}")

    second = await reachbell.call("POST", "/campaigns", push(workspace))
    await wait_until_ended(reachbell, second["id"], seconds=30)
    books = await read_books(stack.described, workspace, second["id"])
    queued = await _queued_of_a_new_campaign(reachbell, workspace, below=20)

    check_equal(books, sent=19, failed=1)
    assert books.reconciliation["reasons"] == {"PUSH_SUBSCRIPTION_GONE": 1}
    assert queued == 19


async def test_a_campaign_to_nobody_completes_with_zeros(workspace: Workspace, reachbell: Client) -> None:
    created = await reachbell.call("POST", "/campaigns", push(workspace))

    shown = await wait_until_ended(reachbell, created["id"], seconds=30)

    assert created["stats"]["queued"] == 0
    assert shown["status"] == "sent"
    assert (shown["stats"]["queued"], shown["stats"]["sent"], shown["stats"]["ctr"]) == (0, 0, 0)


async def _watch(stack: Running, workspace: Workspace, campaign: str) -> list[Json]:
    async with Client(stack.described["dialects"]["reachbell"]) as browser:
        path = f"/campaigns/{campaign}/stream"
        return [event async for event in browser.events(path, token=workspace.jwt, orgId=workspace.organization)]


async def _queued_of_a_new_campaign(reachbell: Client, workspace: Workspace, *, below: int) -> int:
    """The retirement travels by Kafka: asked until it has arrived, a few times at most."""
    for _ in range(10):
        created = await reachbell.call("POST", "/campaigns", push(workspace))
        ended = await wait_until_ended(reachbell, created["id"], seconds=30)
        if ended["stats"]["queued"] < below:
            break
    return int(ended["stats"]["queued"])
