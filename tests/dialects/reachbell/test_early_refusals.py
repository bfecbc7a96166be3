"""What Envoy refuses before any of its filters runs: the documented shape all the same, with an id that its log has."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from collections.abc import Mapping, Set
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.dialects.reachbell.raw_http import RawAnswer
from tests.integration.waiting import eventually
from tests.stacks import Running

LONG = "a" * 100_000

# What is sent, {host} aside → the status.
REQUESTS: Mapping[str, int] = {
    f"GET /campaigns HTTP/1.1\r\nHost: {{host}}\r\nx: {LONG}\r\n\r\n": 431,
    "GET /campaigns%2fx HTTP/1.1\r\nHost: {host}\r\n\r\n": 400,
    "GET /campaigns%00 HTTP/1.1\r\nHost: {host}\r\n\r\n": 400,
    "GET /campaigns#x HTTP/1.1\r\nHost: {host}\r\n\r\n": 400,
    "GET /campaigns HTTP/1.1\r\n\r\n": 400,
    "G@T /campaigns HTTP/1.1\r\nHost: {host}\r\n\r\n": 400,
    "GET /campaigns HTTP/1.1\r\nHost: {host}\r\nx y: 1\r\n\r\n": 400,
    "\x16\x03\x01\r\n\r\n": 400,
    "POST /campaigns HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc": 400,
    "GET /campaigns HTTP/1.0\r\nHost: {host}\r\n\r\n": 426,
    "POST /campaigns HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip\r\n\r\nabc": 501,
    "GET /campaigns HTTP/1.1\r\nHost: nowhere.example\r\n\r\n": 404,
    "CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n": 404,
    "GET /campaigns HTTP/1.1\r\nHost: {host}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n": 403,
}


# A head that says which id it wants, and would break out of the JSON with it.
FORGED = {
    f"GET {target} HTTP/1.1\r\nHost: {{host}}\r\nx-request-id: {forged}\r\n\r\n": 400
    for target in ("/campaigns%2fx", "/campaigns#x")
    for forged in ("mine", '","code":"fine')
}


async def test_each_has_the_one_shape_and_an_id_of_its_own_that_the_log_has(stack: Running) -> None:
    url = stack.described["dialects"]["reachbell"]
    wanted = {**REQUESTS, **FORGED}

    answers = {text: await asyncio.to_thread(_ask, url, text) for text in wanted}

    for text, answer in answers.items():
        assert (answer.status, answer.headers["content-type"]) == (wanted[text], "application/json"), text[:80]
        assert answer.json["error"].keys() == {"code", "message", "field", "requestId"}
        assert _id_of(answer) == answer.headers["x-request-id"], text[:80]
    told = {_id_of(answer): answer.status for answer in answers.values()}
    assert len(told) == len(answers)
    if stack.logs is not None:  # containers have theirs elsewhere
        await eventually(partial(_logged, stack.logs / "envoy.log", told.keys()), told.__eq__)


@pytest.mark.parametrize("door", ["native", "public"])
async def test_the_other_doors_tell_an_id_too(stack: Running, door: str) -> None:
    for text in ("GET /v1%2fx HTTP/1.1\r\nHost: {host}\r\n\r\n", "GET / HTTP/1.0\r\nHost: {host}\r\n\r\n"):
        answer = await asyncio.to_thread(_ask, stack.described[door], text)

        (told,) = [detail["requestId"] for detail in answer.json["error"]["details"] if "requestId" in detail]
        assert str(uuid.UUID(told)) == answer.headers["x-request-id"]


def _ask(url: str, text: str) -> RawAnswer:
    """Send this, whatever it is."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(text.replace("{host}", address.netloc).encode("latin1"))
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < _length(answer):
            answer += connection.recv(65536) or pytest.fail(f"no whole answer: {answer!r}")
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return RawAnswer(int(first.split()[1]), headers, body)


def _length(answer: bytes) -> int:
    (line,) = [line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(line.partition(b":")[2])


def _id_of(answer: RawAnswer) -> str:
    return str(uuid.UUID(answer.json["error"]["requestId"]))


async def _logged(log: Path, request_ids: Set[str]) -> Mapping[str, int]:
    """The statuses that Envoy has written down for these requests."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return {line["request_id"]: line["status"] for line in lines if line.get("request_id") in request_ids}
