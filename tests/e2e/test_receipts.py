"""What people do with messages is counted once, by their signed links alone; and who did nothing can be asked again."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import asyncpg
import pytest

from services.delivery.domain.links import Links
from services.runtime import ids
from tests.e2e.books import push, read_books, wait_until_ended
from tests.stacks import Running, own_stack, running
from tools.client import CallFailed, Client, Json
from tools.stack.secrets import load_or_create
from tools.stack.stack import Stack
from tools.workspace import Workspace, add_people, make_workspace

PEOPLE = 500
CLICKING, DISMISSING = "0.2", "0.1"


@pytest.fixture
async def public(stack: Running) -> AsyncIterator[Client]:
    """What strangers call."""
    async with Client(stack.described["public"]) as client:
        yield client


async def act(sandbox: Client, campaign: str, *, share: str, event: str = "clicked") -> list[Json]:
    """What this share of the recipients' browsers reported, and how each was answered."""
    return [line async for line in sandbox.lines("POST", "/clicks", campaign=campaign, share=share, event=event)]


async def sent_to(reachbell: Client, workspace: Workspace, **changes: Any) -> str:
    """A campaign that has ended."""
    created = await reachbell.call("POST", "/campaigns", push(workspace) | changes)
    await wait_until_ended(reachbell, created["id"], seconds=60)
    return str(created["id"])


async def counted(reachbell: Client, campaign: str, *, seconds: float = 15, **wanted: int) -> Json:
    """ReachBell's numbers, once they are these: receipts travel by Kafka."""
    shown: Json = {}
    for _ in range(round(seconds / 0.25)):
        shown = (await reachbell.call("GET", f"/campaigns/{campaign}"))["stats"]
        if {name: shown[name] for name in wanted} == wanted:
            break
        await asyncio.sleep(0.25)
    assert {name: shown[name] for name in wanted} == wanted
    return shown


async def rows(stack: Running, campaign: str) -> list[tuple[Any, ...]]:
    """Every receipt that delivery and analytics have of the campaign."""
    connection = await asyncpg.connect(stack.described["postgres"])
    try:
        found: list[tuple[Any, ...]] = []
        for schema, key in (("delivery", "id"), ("analytics", "run")):
            stored = await connection.fetch(
                f"SELECT run, batch, position, kind, at FROM {schema}.receipt WHERE run IN"
                f" (SELECT {key} FROM {schema}.run WHERE campaign = $1) ORDER BY 1, 2, 3, 4",
                ids.parse("cmp", campaign),
            )
            found += [tuple(row) for row in stored]
        return found
    finally:
        await connection.close()


async def test_clicks_and_dismissals_are_counted_once_however_often_and_late_they_are_told(
    stack: Running, workspace: Workspace, reachbell: Client, sandbox: Client
) -> None:
    await add_people(stack.described, workspace, PEOPLE)
    await sandbox.call("PUT", "/faults", {"requests_per_second": 10})  # so that most are still to be sent to
    try:
        created = await reachbell.call("POST", "/campaigns", push(workspace))
        watching = asyncio.create_task(_watch(stack, workspace, created["id"]))
        while not (early := await act(sandbox, created["id"], share=CLICKING)):
            await asyncio.sleep(0.2)
    finally:
        await sandbox.call("DELETE", "/faults")
    await wait_until_ended(reachbell, created["id"], seconds=60)
    events = await watching

    clicks = await act(sandbox, created["id"], share=CLICKING)
    dismissals = await act(sandbox, created["id"], share=DISMISSING, event="dismissed")
    again = await act(sandbox, created["id"], share=CLICKING)
    stats = await counted(reachbell, created["id"], clicked=len(clicks), dismissed=len(dismissals))
    books = await read_books(stack.described, workspace, created["id"])

    assert 0 < len(early) < len(clicks) == len(again)
    assert dismissals
    assert {line["status"] for line in [*early, *clicks, *dismissals, *again]} == {204}
    assert stats["ctr"] == round(len(clicks) / PEOPLE, 4)
    assert books.stats["clicked"] == len(clicks)
    assert len(await rows(stack, created["id"])) == 2 * (len(clicks) + len(dismissals))
    assert [event["clicked"] for event in events] == sorted(event["clicked"] for event in events)
    assert events[-1]["status"] == "sent"


async def test_links_that_nobody_made_and_events_that_are_none_change_nothing(
    stack: Running, workspace: Workspace, reachbell: Client, sandbox: Client, public: Client
) -> None:
    await add_people(stack.described, workspace, 20)
    campaign = await sent_to(reachbell, workspace)
    (clicked, *_) = await act(sandbox, campaign, share="0.5")
    await counted(reachbell, campaign, clicked=len(await act(sandbox, campaign, share="0.5")))
    before = await rows(stack, campaign)
    path = clicked["report"].removeprefix(stack.described["public"])
    altered = path[:-1] + ("A" if path[-1] != "A" else "B")

    answers = {
        await _status(stack, path, {"event": "clicked"}),
        await _status(stack, altered, {"event": "clicked"}),
        await _status(stack, path[:-1], {"event": "clicked"}),
        await _status(stack, "/r/x", {"event": "dismissed"}),
        await _status(stack, path, {"event": "opened"}),
        await _status(stack, path, {"event": "clicked", "action": "x" * 1000}),
    }
    refused = [
        await _status(stack, path, b'{"event": "clicked",}'),
        await _status(stack, path, {"event": "clicked", "campaign": "x"}),
        await _status(stack, path, {}),
        await _status(stack, path, {"event": "clicked", "token": "x"}),
        await _status(stack, path, {"event": "x" * 17_000}),
        await _status(stack, "/v1/projects", {}),
        await _status(stack, path, None, method="GET"),
    ]

    assert answers == {(204, "")}
    assert [status for status, _ in refused] == [400, 400, 400, 400, 413, 404, 405]
    assert all("error" in json.loads(body) for _, body in refused)
    assert await rows(stack, campaign) == before


async def test_a_page_may_report_from_any_origin(stack: Running) -> None:
    headers = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }

    async with aiohttp.ClientSession() as session:
        async with session.options(stack.described["public"] + "/r/x", headers=headers) as answer:
            preflight = (answer.status, answer.headers.get("access-control-allow-origin"))
        async with session.get(stack.described["public"] + "/carillon-worker.js") as answer:
            script = (answer.status, answer.headers, await answer.text())

    assert preflight == (200, "https://shop.example")
    assert script[0] == 200
    assert script[1]["content-type"].startswith("application/javascript")
    assert script[1]["service-worker-allowed"] == "/"
    assert "notificationclick" in script[2]


async def test_who_did_not_open_can_be_reached_again_and_nobody_else_is(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client, sandbox: Client
) -> None:
    await add_people(stack.described, workspace, PEOPLE)
    first = await sent_to(reachbell, workspace)
    clicks = await act(sandbox, first, share=CLICKING)
    await counted(reachbell, first, clicked=len(clicks))
    everybody = {line["to"] for line in (await read_books(stack.described, workspace, first)).ledger}
    project = f"projects/{workspace.project}"
    did_not_open = {"didNotOpen": {"campaign": f"{project}/campaigns/{first}"}}
    vip = {"condition": {"attribute": "tags", "operator": "OPERATOR_ANY_OF", "values": ["vip"]}}

    sizes = [
        await _count(native, workspace, filter)
        for filter in (
            did_not_open,
            {"noneOf": {"filters": [did_not_open]}},
            {"anyOf": {"filters": [did_not_open, {"noneOf": {"filters": [did_not_open]}}]}},
            {"allOf": {"filters": [did_not_open, vip]}},
            {"allOf": {"filters": [{"noneOf": {"filters": [did_not_open]}}, vip]}},
            vip,
        )
    ]
    again = await native.call(
        "POST",
        f"/v1/{project}/campaigns",
        {
            "displayName": "Again",
            "channels": ["CHANNEL_PUSH"],
            "audience": {"filter": did_not_open},
            "pushContent": {"title": "Still there?"},
            "schedule": {"immediate": True},
        },
    )
    second = again["name"].rpartition("/")[2]
    await wait_until_ended(reachbell, second, seconds=60)
    books = await read_books(stack.described, workspace, second)

    opened = {line["to"] for line in clicks}
    assert books.reached == everybody - opened
    assert books.reconciliation["balanced"] is True
    assert sizes[:3] == [PEOPLE - len(opened), len(opened), PEOPLE]
    assert sizes[3] + sizes[4] == sizes[5]


async def test_only_a_campaign_of_ones_own_can_be_named(
    stack: Running, workspace: Workspace, reachbell: Client, native: Client
) -> None:
    await add_people(stack.described, workspace, 3)
    own = await sent_to(reachbell, workspace)
    project = f"projects/{workspace.project}"
    stranger = ids.spell("cmp", ids.new_id())
    names = (
        f"{project}/campaigns/{stranger}",
        f"projects/{ids.spell('proj', ids.new_id())}/campaigns/{own}",
        f"{project}/campaigns/x",
        f"{project}/segments/{own}",
    )

    for name in names:
        with pytest.raises(CallFailed) as refused:
            await _count(native, workspace, {"noneOf": {"filters": [{"didNotOpen": {"campaign": name}}]}})
        assert refused.value.status == 404, name
        assert "audience.filter.none_of.filters[0].did_not_open.campaign" in refused.value.body


async def test_a_browser_that_subscribes_is_in_the_next_audience(
    stack: Running, workspace: Workspace, reachbell: Client, sandbox: Client, public: Client
) -> None:
    (browser,) = [line async for line in sandbox.lines("POST", "/subscriptions", count="1")]
    path = f"/p/{workspace.project}/subscriptions"
    key = await public.call("GET", f"/p/{workspace.project}/vapid-key")

    first = await _status(stack, path, browser | {"locale": "de-DE", "timeZone": "Europe/Berlin", "country": "DE"})
    again = await _status(stack, path, browser)
    refused = [
        await _status(stack, path, browser | {"endpoint": "http://127.0.0.1:1/x"}),
        await _status(stack, path, browser | {"endpoint": "https://10.0.0.1/x"}),
        await _status(stack, path, browser | {"keys": {"p256dh": "x", "auth": "y"}}),
        await _status(stack, path, browser | {"locale": "not a locale"}),
        await _status(stack, path, browser | {"tags": ["vip"]}),
        await _status(stack, f"/p/{ids.spell('proj', ids.new_id())}/subscriptions", browser),
        await _status(stack, "/p/proj_x/subscriptions", browser),
    ]
    campaign = await sent_to(reachbell, workspace, segment={"filters": {"country": ["DE"]}})
    books = await read_books(stack.described, workspace, campaign)
    with pytest.raises(CallFailed) as unknown:
        await public.call("GET", f"/p/{ids.spell('proj', ids.new_id())}/vapid-key")

    assert list(key) == ["publicKey"]
    assert len(key["publicKey"]) == 87
    assert (first, again) == ((201, "{}"), (201, "{}"))
    assert [status for status, _ in refused] == [400, 400, 400, 400, 400, 404, 404]
    assert books.reached == {browser["endpoint"].rpartition("/")[2]}
    assert unknown.value.status == 404


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A stack whose parts may be stopped and whose secrets are known."""
    with own_stack() as stack:
        yield stack


async def test_receipts_that_kafka_lost_are_counted_all_the_same(own: Stack) -> None:
    there = running(own)
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Lost")
    await add_people(there.described, workspace, 100)
    async with Client(there.described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        campaign = await sent_to(reachbell, workspace)
        await asyncio.to_thread(own.stop, "analytics")
        async with Client(there.described["sandbox"]) as sandbox:
            clicks = await act(sandbox, campaign, share=CLICKING)
        await _until_all_is_sent(there)
        await asyncio.to_thread(own.wipe_kafka)
        await asyncio.to_thread(own.start, "analytics")

        await counted(reachbell, campaign, seconds=60, clicked=len(clicks))

    assert clicks
    assert {line["status"] for line in clicks} == {204}


async def test_a_true_link_to_a_message_that_never_was_stores_nothing(own: Stack) -> None:
    there = running(own)
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Never")
    await add_people(there.described, workspace, 3)
    async with Client(there.described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        campaign = await sent_to(reachbell, workspace)
    links = Links(base64.b64decode(load_or_create(own.layout.secrets).encryption_key))
    run = await _run_of(there, campaign)
    nowhere = [links.of_run(run).token(0, 3), links.of_run(run).token(1, 0), links.of_run(b"x" * 12).token(0, 0)]

    answers = {await _status(there, f"/r/{token.decode()}", {"event": "clicked"}) for token in nowhere}
    stored = await rows(there, campaign)
    true = await _status(there, f"/r/{links.of_run(run).token(0, 2).decode()}", {"event": "clicked"})

    assert answers == {true} == {(204, "")}
    assert stored == []
    assert [(row[1], row[2], row[3]) for row in await rows(there, campaign)][:1] == [(0, 2, 1)]


async def _run_of(stack: Running, campaign: str) -> bytes:
    connection = await asyncpg.connect(stack.described["postgres"])
    try:
        run: bytes = await connection.fetchval(
            "SELECT id FROM delivery.run WHERE campaign = $1", ids.parse("cmp", campaign)
        )
        return run
    finally:
        await connection.close()


async def _until_all_is_sent(stack: Running) -> None:
    """Until Kafka has every event of delivery's."""
    connection = await asyncpg.connect(stack.described["postgres"])
    try:
        while await connection.fetchval("SELECT count(*) FROM delivery.outbox"):
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _count(native: Client, workspace: Workspace, filter: Json) -> int:
    body = {"audience": {"filter": filter}, "channels": ["CHANNEL_PUSH"]}
    answer = await native.call("POST", f"/v1/projects/{workspace.project}:countAudience", body)
    return int(answer.get("contactCount", 0))


async def _status(stack: Running, path: str, body: Any, *, method: str = "POST") -> tuple[int, str]:
    """The status and the body of a call on the public listener; bytes are sent as they are."""
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} if raw is not None else {}
    async with aiohttp.ClientSession() as session:
        url = stack.described["public"] + path
        async with session.request(method, url, data=raw, headers=headers) as answer:
            return answer.status, (await answer.text()).strip()


async def _watch(stack: Running, workspace: Workspace, campaign: str) -> list[Json]:
    async with Client(stack.described["dialects"]["reachbell"]) as browser:
        path = f"/campaigns/{campaign}/stream"
        return [event async for event in browser.events(path, token=workspace.jwt, orgId=workspace.organization)]
