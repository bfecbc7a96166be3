"""What the sandbox shows: the ledger as lines, the newest messages as a page, and clear errors."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from sandbox.ledger import Ledger, Snapshot
from sandbox.messages import Channel, Messages
from sandbox.page import page
from sandbox.records import Record
from tests.unit.sandbox.outside import Outside, a_push

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def test_a_subscription_has_the_browsers_form(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        (made,) = await outside.lines("/subscriptions", method="POST")

        assert made.keys() == {"endpoint", "expirationTime", "keys"}
        assert made["endpoint"].startswith(f"http://{outside.host}/push/")
        assert {name: len(value) for name, value in made["keys"].items()} == {"p256dh": 87, "auth": 22}


async def test_subscriptions_are_distinct_and_as_many_as_asked_for(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        assert len({to.url for to in await outside.subscriptions(250)}) == 250


@pytest.mark.parametrize("count", ["0", "-1", "x", "1000001", "", "1" * 5_000])
async def test_a_count_that_is_none_is_refused(tmp_path: Path, count: str) -> None:
    async with Outside(tmp_path) as outside:
        status, answer = await outside.call("POST", f"/subscriptions?count={count}")

        assert (status, answer["error"]["reason"]) == (400, "COUNT_INVALID")


async def test_messages_are_chosen_by_campaign_and_channel(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        subscriptions = await outside.subscriptions(600)
        await outside.push(
            [a_push(to, number=at, campaign=f"cmp_{at % 3}") for at, to in enumerate(subscriptions)],
        )

        assert len(await outside.lines("/messages")) == 600
        assert len(await outside.lines("/messages?campaign=cmp_1")) == 200
        assert len(await outside.lines("/messages?campaign=cmp_1&channel=push")) == 200
        assert await outside.lines("/messages?campaign=cmp_1&channel=sms") == []
        assert await outside.lines("/messages?campaign=cmp_9") == []
        assert (await outside.call("GET", "/messages?campain=cmp_1"))[0] == 400


async def test_what_is_known_to_be_other_campaigns_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "log")
    for number in range(3_000):
        body = b"mine" if number == 2_900 else b"another's"
        ledger.append(channel=1, at=number, to="somebody", key=str(number), body=body)
    ledger.flush()
    channel = Channel("push", content=lambda record: {"campaign": record.body.decode()})
    messages = Messages(ledger, {1: channel})
    read, reads = Snapshot.read, list[int]()

    def counting(self: Snapshot, first: int, count: int) -> list[Record]:
        reads.append(first)
        return read(self, first, count)

    monkeypatch.setattr(Snapshot, "read", counting)
    whole = [line async for line in messages.lines(campaign=None, channel=None)]
    in_all = len(reads)
    mine = [line async for line in messages.lines(campaign="mine", channel=None)]

    assert (b"".join(whole).count(b"\n"), b"".join(mine).count(b"\n")) == (3_000, 1)
    assert len(reads) == in_all + 1, "as many reads as there are pieces with a message of it"
    messages.close()


async def test_a_new_log_forgets_the_old_one_and_what_was_known_of_it(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        (to,) = await outside.subscriptions(1)
        await outside.push([a_push(to, campaign="cmp_old")])
        assert len(await outside.lines("/messages?campaign=cmp_old")) == 1

        assert (await outside.call("DELETE", "/messages"))[0] == 204
        await outside.push([a_push(to, campaign="cmp_new")])

        (line,) = await outside.lines("/messages")
        assert (line["campaign"], line["repeat"]) == ("cmp_new", False)


async def test_the_page_shows_the_newest_first_and_lets_nothing_through(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        (to,) = await outside.subscriptions(1)
        evil = "<script>alert(1)</script>"
        await outside.push([a_push(to, title="The older one")])
        await outside.push(
            [a_push(to, number=1, title=evil, body=evil, campaign=evil, url="javascript:alert(1)", image='"><script>')]
        )

        async with outside.client.get("/") as answer:
            text = await answer.text()

        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "<script" not in text
        assert "javascript:" not in text
        assert text.index("&lt;script&gt;") < text.index("The older one")


async def test_an_empty_page_says_so() -> None:
    assert b"Nothing has been sent yet" in page([], total=0, repeats=0)


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("PUT", "/messages", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/push/somebody", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/faults", 400, "JSON_INVALID"),
    ],
)
async def test_errors_are_json_with_a_reason(tmp_path: Path, method: str, path: str, status: int, reason: str) -> None:
    async with Outside(tmp_path) as outside:
        answered, body = await outside.call(method, path)

        assert (answered, body["error"]["reason"]) == (status, reason)


async def test_health_and_metrics_answer(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        (to,) = await outside.subscriptions(1)
        await outside.push([a_push(to)])

        assert (await outside.call("GET", "/live"))[0] == (await outside.call("GET", "/ready"))[0] == 200
        async with outside.client.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        assert "sandbox_messages 1" in lines
        assert 'sandbox_push_answers_total{status="201"} 1' in lines


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", b"431"),
        (b"POST /push/x HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000, b"413"),
    ],
)
async def test_what_is_no_request_or_too_large_is_refused_and_hung_up_on(
    tmp_path: Path, sent: bytes, status: bytes
) -> None:
    async with Outside(tmp_path) as outside:
        reader, writer = await asyncio.open_connection(*outside.host.split(":"))
        writer.write(sent)

        assert (await reader.readline()).split()[1] == status
        writer.close()


async def test_pipelined_requests_are_answered_in_their_order(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        reader, writer = await asyncio.open_connection(*outside.host.split(":"))
        writer.write(
            b"GET / HTTP/1.1\r\n\r\nGET /live HTTP/1.1\r\n\r\nHEAD /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n"
        )

        answers = await reader.read()

        assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"200", b"200", b"404"]
        assert answers.index(b"<!doctype html>") < answers.index(b'"status": "ok"')
        writer.close()
