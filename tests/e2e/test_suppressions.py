"""Who does not want to be messaged: by a link in a message, or by the project's own word; and what becomes of it."""

from __future__ import annotations

import asyncio
import base64
import datetime
import random
import time
from collections.abc import Iterator

import aiohttp
import asyncpg
import pytest

from services.delivery.domain.links import UNSUBSCRIBING, Links
from services.runtime import ids
from tests.bench.percentiles import percentile
from tests.e2e.books import push, read_books, wait_until_ended
from tests.stacks import Running, own_stack, running
from tools.client import Client, Json
from tools.stack.secrets import load_or_create
from tools.stack.stack import Stack
from tools.workspace import Workspace, add_people, make_workspace

FORM = {"content-type": "application/x-www-form-urlencoded"}
ONE_CLICK = "List-Unsubscribe=One-Click"
PROMISED = 1.0  # seconds after the answer


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A stack whose secrets are known."""
    with own_stack(delivery_processes=2) as stack:
        yield stack


@pytest.fixture
def there(own: Stack) -> Running:
    return running(own)


@pytest.fixture
async def office(there: Running) -> Workspace:
    """A workspace of this test's own, with nobody in it."""
    return await make_workspace(there.described, operator_key=there.operator_key, display_name="Unwilling")


async def sent_to(there: Running, office: Workspace) -> str:
    """A campaign that has ended."""
    async with Client(there.described["dialects"]["reachbell"], office.key_header) as reachbell:
        created = await reachbell.call("POST", "/campaigns", push(office))
        await wait_until_ended(reachbell, created["id"], seconds=60)
    return str(created["id"])


async def places(there: Running, campaign: str) -> list[asyncpg.Record]:
    """(run, batch, position, contact, endpoint) of every message, by SQL."""
    connection = await asyncpg.connect(there.described["postgres"])
    try:
        return list(
            await connection.fetch(
                "SELECT run, batch, position, contact, endpoint FROM delivery.outcome WHERE run IN"
                " (SELECT id FROM delivery.run WHERE campaign = $1) ORDER BY run, batch, position",
                ids.parse("cmp", campaign),
            )
        )
    finally:
        await connection.close()


def link_of(own: Stack, row: asyncpg.Record) -> str:
    """The path of the link by which whoever got this message unsubscribes."""
    secret = base64.b64decode(load_or_create(own.layout.secrets).encryption_key)
    token = Links(secret, purpose=UNSUBSCRIBING).of_run(row["run"]).token(row["batch"], row["position"])
    return f"/u/{token.decode()}"


async def ask(there: Running, verb: str, path: str, **more: object) -> tuple[int, str, str]:
    """Status, content type, body, on the public listener."""
    url = there.described["public"] + path
    async with aiohttp.ClientSession() as session:
        async with session.request(verb, url, allow_redirects=False, **more) as answer:  # type: ignore[arg-type]
            return answer.status, answer.headers.get("content-type", ""), await answer.text()


async def listed(there: Running, office: Workspace) -> list[Json]:
    """The project's suppressions."""
    async with Client(there.described["native"], office.key_header) as native:
        page = await native.call("GET", f"/v1/projects/{office.project}/suppressions")
        return list(page.get("suppressions", []))


async def stats(there: Running, office: Workspace, campaign: str) -> Json:
    async with Client(there.described["native"], office.key_header) as native:
        return await native.call("GET", f"/v1/projects/{office.project}/campaigns/{campaign}/stats")


async def until(there: Running, office: Workspace, campaign: str, **wanted: int) -> Json:
    """The campaign's numbers, once they are at least these."""
    for _ in range(80):
        found = await stats(there, office, campaign)
        if all(found.get(name, 0) >= number for name, number in wanted.items()):
            return found
        await asyncio.sleep(0.25)
    raise AssertionError(f"after 20 s still {found}")


async def test_who_unsubscribes_by_a_messages_link_is_left_out_from_then_on(
    own: Stack, there: Running, office: Workspace
) -> None:
    await add_people(there.described, office, 10)
    campaign = await sent_to(there, office)
    anna, bert, *_ = await places(there, campaign)
    path, form = link_of(own, anna), aiohttp.FormData(quote_fields=False)
    form.add_field("List-Unsubscribe", "One-Click", content_type="text/plain")

    shown = await ask(there, "GET", path)
    before = await listed(there, office)
    clicked = await ask(there, "POST", path, data=ONE_CLICK, headers=FORM)
    after = await listed(there, office)
    again = await ask(there, "POST", link_of(own, bert), data=form)
    again = await ask(there, "POST", path, data=ONE_CLICK, headers=FORM) if again[0] == 200 else again
    second = await sent_to(there, office)

    assert (shown[0], clicked[0], again[0]) == (200, 200, 200)
    assert shown[1].startswith("text/html")
    assert "<button" in shown[2]
    assert before == []
    assert [(item["channel"], item["reason"]) for item in after] == [("CHANNEL_PUSH", "UNSUBSCRIBED")]
    assert after[0]["contact"].endswith(ids.spell("con", anna["contact"]))
    assert (await read_books(there.described, office, second)).rows == {"sent": 8, "suppressed": 2}
    assert (await until(there, office, campaign, unsubscribed=2))["unsubscribed"] == 2
    assert (await stats(there, office, second)).get("unsubscribed", 0) == 0


async def test_forged_links_and_other_forms_unsubscribe_nobody(own: Stack, there: Running, office: Workspace) -> None:
    await add_people(there.described, office, 2)
    (anna, _) = await places(there, await sent_to(there, office))
    path = link_of(own, anna)
    altered = path[:-1] + ("A" if path[-1] != "A" else "B")

    true_one = await ask(there, "GET", path)
    forged = [
        await ask(there, "POST", altered, data=ONE_CLICK, headers=FORM),
        await ask(there, "POST", "/u/x", data=ONE_CLICK, headers=FORM),
    ]
    refused = [
        await ask(there, "POST", path, data="List-Unsubscribe=No", headers=FORM),
        await ask(there, "POST", path, data="", headers=FORM),
        await ask(there, "POST", path, json={"form": {"data": ""}}),
        await ask(there, "POST", path, data=ONE_CLICK, headers={"content-type": "text/plain"}),
        await ask(there, "POST", path, data=ONE_CLICK + "x" * 17_000, headers=FORM),
        await ask(there, "DELETE", path),
        await ask(there, "POST", path.replace("/u/", "/r/"), data=ONE_CLICK, headers=FORM),
    ]
    as_a_click = await ask(there, "POST", path.replace("/u/", "/r/"), json={"event": "clicked"})

    assert await ask(there, "GET", altered) == true_one
    assert {answer[:2] for answer in forged} == {(200, "text/html; charset=utf-8")}
    assert [answer[0] for answer in refused] == [400, 400, 415, 415, 413, 405, 415]
    assert as_a_click[0] == 204
    assert await listed(there, office) == []


async def test_a_link_outlives_its_campaign(own: Stack, there: Running, office: Workspace) -> None:
    await add_people(there.described, office, 100)
    async with (
        Client(there.described["sandbox"]) as sandbox,
        Client(there.described["dialects"]["reachbell"], office.key_header) as reachbell,
        Client(there.described["native"], office.key_header) as native,
    ):
        await sandbox.call("PUT", "/faults", {"requests_per_second": 5})
        campaign = (await reachbell.call("POST", "/campaigns", push(office)))["id"]
        await until(there, office, campaign, sent=1)
        await native.call("POST", f"/v1/projects/{office.project}/campaigns/{campaign}:cancel", {})
        await wait_until_ended(reachbell, campaign, seconds=30)
        await sandbox.call("DELETE", "/faults")
        await reachbell.call("DELETE", f"/campaigns/{campaign}")
    row, *_ = await places(there, campaign)

    answer = await ask(there, "POST", link_of(own, row), data=ONE_CLICK, headers=FORM)

    assert answer[0] == 200
    assert len(await listed(there, office)) == 1


async def test_while_a_campaign_is_sent_nobody_is_called_later_than_promised_after_the_answer(
    there: Running, office: Workspace
) -> None:
    await add_people(there.described, office, 3000)
    first = await sent_to(there, office)
    rows = await places(there, first)
    chosen = random.Random(7).sample(rows, 60)
    answered: dict[str, float] = {}
    async with (
        Client(there.described["sandbox"]) as sandbox,
        Client(there.described["native"], office.key_header) as native,
        Client(there.described["dialects"]["reachbell"], office.key_header) as reachbell,
    ):
        (subscriptions,) = [await _endpoints(there, chosen)]
        await sandbox.call("PUT", "/faults", {"requests_per_second": 100})  # so that the campaign outlives them all
        created = await reachbell.call("POST", "/campaigns", push(office))
        for row in chosen:
            contact = ids.spell("con", row["contact"])
            await native.call(
                "POST",
                f"/v1/projects/{office.project}/contacts/{contact}:suppress",
                {"channels": ["CHANNEL_PUSH"], "reason": "ASKED_BY_PHONE"},
            )
            answered[subscriptions[row["endpoint"]]] = time.time()
        await sandbox.call("DELETE", "/faults")
        await wait_until_ended(reachbell, created["id"], seconds=120)
    books = await read_books(there.described, office, created["id"])

    late = [
        datetime.datetime.fromisoformat(line["at"]).timestamp() - answered[line["to"]]
        for line in books.ledger
        if line["to"] in answered
    ]
    print(f"last call after the answer: p99 {percentile([max(0.0, x) for x in late] or [0.0], 0.99):.3f} s")
    assert max(late, default=0.0) < PROMISED
    assert books.rows["suppressed"] > 10, "it all came too late to mean anything"
    assert books.rows["sent"] + books.rows["suppressed"] == 3000
    assert books.reconciliation["balanced"] is True, books.reconciliation


async def _endpoints(there: Running, rows: list[asyncpg.Record]) -> dict[bytes, str]:
    """Subscription → what the sandbox calls it."""
    connection = await asyncpg.connect(there.described["postgres"])
    try:
        found = await connection.fetch(
            "SELECT id, endpoint FROM segments.push_subscription WHERE id = ANY($1::bytea[])",
            [row["endpoint"] for row in rows],
        )
        return {row["id"]: row["endpoint"].rpartition("/")[2] for row in found}
    finally:
        await connection.close()
