"""Owns the sandbox's HTTP/1.1 connections: requests in, answers out in order, streams no faster than they are read.

Never knows what a request asks for; whoever handles it answers through the Connection, now or later.
"""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from collections import deque
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import NamedTuple, cast

import httptools

_MAX_HEAD = 96 * 1024  # bytes
_MAX_REQUEST = 8 * 1024 * 1024  # bytes of head and body; calls with many recipients are the largest
_MAX_PIPELINED = 64
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Request(NamedTuple):
    """One request; header names are lower case, `target` is path and query as received."""

    method: str
    target: str
    headers: dict[bytes, bytes]
    body: bytes
    keep_alive: bool

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def host(self) -> str:
        """The authority that the client used, empty where it named none."""
        return self.headers.get(b"host", b"").decode("latin-1")


Handler = Callable[[Request, "Connection"], None]


class Connection(asyncio.Protocol):
    """One client; each request handed to `handle` must be followed by one `answer`, `stream` or `drop`."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._requests: deque[Request] = deque()
        self._current: Request | None = None
        self._serving = False
        self._streaming = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._head_complete = False
        self._unfinished = 0  # bytes received since the last whole request

    # What handlers call.

    def answer(self, status: int, body: bytes = b"", headers: bytes = b"") -> None:
        """Answer the current request; `headers` are whole lines, each with its CRLF."""
        request = self._current
        if request is None:
            return
        length = b"Content-Length: %d\r\n" % len(body) if status != 204 else b""
        head = _head(status, headers + length, keep_alive=request.keep_alive)
        self._write(head if request.method == "HEAD" else head + body)
        self._finished(request)

    def answer_json(self, status: int, value: object, headers: bytes = b"") -> None:
        self.answer(status, json.dumps(value).encode() + b"\n", b"Content-Type: application/json\r\n" + headers)

    def error(self, status: int, reason: str, message: str, headers: bytes = b"") -> None:
        self.answer_json(status, {"error": {"reason": reason, "message": message}}, headers)

    async def stream(self, content_type: str, chunks: AsyncIterator[bytes]) -> None:
        """Answer 200 piece by piece, waiting while the client reads more slowly than we write."""
        request = self._current
        if request is None:
            return
        self._streaming = True
        headers = b"Content-Type: %b\r\nTransfer-Encoding: chunked\r\n" % content_type.encode()
        self._write(_head(200, headers, keep_alive=request.keep_alive))
        async for chunk in chunks:
            self._write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await self._writable.wait()
            if self._transport is None:
                return
        self._write(b"0\r\n\r\n")
        self._streaming = False
        self._finished(request)

    def fail(self) -> None:
        """Answer 500, or cut off an answer that has begun."""
        if self._streaming:
            self.drop()
        else:
            self.error(500, "INTERNAL", "the sandbox has a defect; its log says more")

    def drop(self) -> None:
        """End the connection without a word."""
        self._current = None
        self._requests.clear()
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _finished(self, request: Request) -> None:
        self._current = None
        if not request.keep_alive and self._transport is not None:
            self._requests.clear()
            self._transport.close()
        if not self._serving:
            self._next()

    def _next(self) -> None:
        # One loop, also for handlers that answer at once: many pipelined requests must not become a deep stack.
        self._serving = True
        while self._current is None and self._requests:
            self._current = request = self._requests.popleft()
            self._handle(request, self)
        self._serving = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._current = None
        self._requests.clear()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._unfinished += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return self._refuse(400, "MALFORMED_REQUEST")
        if self._unfinished > _MAX_HEAD and not self._head_complete:
            return self._refuse(431, "HEAD_TOO_LARGE")
        if self._unfinished > _MAX_REQUEST:
            return self._refuse(413, "BODY_TOO_LARGE")
        if len(self._requests) > _MAX_PIPELINED:
            return self.drop()
        if self._current is None:
            self._next()

    def _refuse(self, status: int, reason: str) -> None:
        body = json.dumps({"error": {"reason": reason, "message": "this request was not read to its end"}}).encode()
        length = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        if self._transport is not None:
            self._transport.write(_head(status, length, keep_alive=False) + body)
            self._transport.close()

    # What httptools calls while it parses.

    def on_message_begin(self) -> None:
        self._target, self._headers, self._body, self._head_complete = b"", {}, [], False

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._head_complete = True
        if b"expect" in self._headers:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._unfinished = 0
        parser = self._parser
        target, method = self._target.decode("latin-1"), parser.get_method().decode()
        body = b"".join(self._body)
        self._requests.append(Request(method, target, self._headers, body, parser.should_keep_alive()))


def _head(status: int, headers: bytes, *, keep_alive: bool) -> bytes:
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    return line + headers + (b"\r\n" if keep_alive else b"Connection: close\r\n\r\n")
