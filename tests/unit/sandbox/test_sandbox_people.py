"""People click and close what they got, by the links in it and by nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.sandbox.outside import Outside, a_push


class Listener:
    """Takes reports, as the public listener does."""

    def __init__(self) -> None:
        app = web.Application()
        app.router.add_post("/r/{token}", self._take)
        self.server = TestServer(app)
        self.reports: list[tuple[str, Any]] = []

    async def _take(self, request: web.Request) -> web.Response:
        self.reports.append((request.match_info["token"], await request.json()))
        return web.Response(status=204)

    def link(self, number: int) -> str:
        return str(self.server.make_url(f"/r/{number}"))


async def reached(outside: Outside, listener: Listener, count: int) -> None:
    """So many people have a message with a link."""
    browsers = await outside.subscriptions(count)
    messages = [a_push(to, number=n, report=listener.link(n)) for n, to in enumerate(browsers)]
    await outside.push(messages)


async def test_a_share_reports_and_the_same_share_is_the_same_people(tmp_path: Path) -> None:
    listener = Listener()
    async with Outside(tmp_path) as outside, listener.server:
        await reached(outside, listener, 200)

        first = await outside.lines("/clicks?campaign=cmp_one&share=0.3", method="POST")
        again = await outside.lines("/clicks?campaign=cmp_one&share=0.3", method="POST")

    assert 30 < len(first) < 90
    assert first == again
    assert Counter(token for token, _ in listener.reports) == {line["report"].rpartition("/")[2]: 2 for line in first}
    assert all(body == {"event": "clicked"} for _, body in listener.reports)
    assert {line["status"] for line in first} == {204}


async def test_who_clicks_does_not_dismiss_as_long_as_there_are_others(tmp_path: Path) -> None:
    listener = Listener()
    async with Outside(tmp_path) as outside, listener.server:
        await reached(outside, listener, 100)

        clicked = await outside.lines("/clicks?campaign=cmp_one&share=0.5", method="POST")
        dismissed = await outside.lines("/clicks?campaign=cmp_one&share=0.5&event=dismissed", method="POST")

    assert len(clicked) + len(dismissed) == 100
    assert not {line["to"] for line in clicked} & {line["to"] for line in dismissed}


async def test_another_campaign_and_a_message_without_a_link_are_left_alone(tmp_path: Path) -> None:
    listener = Listener()
    async with Outside(tmp_path) as outside, listener.server:
        (browser,) = await outside.subscriptions(1)
        await outside.push([a_push(browser, number=1000)])

        assert await outside.lines("/clicks?campaign=cmp_one&share=1", method="POST") == []
        assert await outside.lines("/clicks?campaign=cmp_two", method="POST") == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "CAMPAIGN_MISSING"),
        ("campaign=c&share=1.5", "SHARE_INVALID"),
        ("campaign=c&share=nan", "SHARE_INVALID"),
        ("campaign=c&event=opened", "EVENT_UNKNOWN"),
        ("campaign=c&who=all", "QUERY_UNKNOWN"),
    ],
)
async def test_what_makes_no_sense_is_refused(tmp_path: Path, query: str, reason: str) -> None:
    async with Outside(tmp_path) as outside:
        status, answer = await outside.call("POST", f"/clicks?{query}")

    assert (status, answer["error"]["reason"]) == (400, reason)
