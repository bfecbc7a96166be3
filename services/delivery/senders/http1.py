"""Owns one HTTP/1.1 connection: one request in flight, written at once; its answer, or that none came (RFC 9112).

Never opens or picks a connection, never repeats a request, and knows nothing of what is sent over it.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import cast

import httptools

from services.delivery.senders.exchange import Exchange

MAX_ANSWER = 64 * 1024  # bytes of head and body; a longer answer is no answer of a provider
_READ_GRACE = 0.2  # seconds; after a freeze timers fire before waiting answers are read
_FRESH = 0.5  # seconds; a connection idle for longer is looked at before it is trusted with a request


class Connection(asyncio.Protocol):
    """A connection with keep-alive; `changed` is called when it has become free or has been lost."""

    def __init__(
        self, *, response_timeout: float, changed: Callable[[Connection], None], max_answer: int = MAX_ANSWER
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_answer = max_answer
        self._response_timeout = response_timeout
        self._changed = changed
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._overdue = False
        self._is_plain = True
        self.closed = False
        self._deadline = 0.0  # of the request in flight, by the loop's clock
        self.idle_since = self._loop.time()
        self._new_answer()

    def _new_answer(self) -> None:
        # A parser per answer, so that nothing of a bad one can reach into the next.
        self._parser = httptools.HttpResponseParser(self)
        self._received = 0
        self._status = 0
        self._retry_after = ""
        self._body: list[bytes] = []
        self._complete = False
        self._keep_alive = False

    @property
    def busy(self) -> bool:
        return self._exchange is not None

    def start(self, exchange: Exchange) -> None:
        """Write the request, unless it may not start or this connection turns out to be dead."""
        now = self._loop.time()
        if self._transport is None or self._has_ended(now):
            self.drop()
            return exchange.failed("CONNECTION_CLOSED")
        if not exchange.may_start():
            return exchange.not_started()
        self._transport.write(exchange.request)
        if self._transport.is_closing() and self._is_plain:
            self.drop()  # the one system call failed, so nothing has left
            return exchange.failed("CONNECTION_CLOSED")
        self._exchange = exchange
        self._overdue = False
        self._deadline = now + self._response_timeout

    def _has_ended(self, now: float) -> bool:
        if self._transport is None or self._transport.is_closing():
            return True
        # Something to read where nothing was asked is the end, or nonsense.
        return now - self.idle_since > _FRESH and self._is_readable()

    def _is_readable(self) -> bool:
        if self._transport is None or self._transport.is_closing():
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def judge(self, now: float) -> None:
        """End a request whose time is over, at the second look, and never while its answer waits to be read."""
        if self._exchange is None or now < self._deadline:
            return
        if not self._overdue:
            self._overdue = True
            self._deadline = now + _READ_GRACE
        elif not self._is_readable():
            self._end("RESPONSE_TIMEOUT")

    def drop(self) -> None:
        """Close at once; a request in flight is unanswered."""
        self._end("CONNECTION_DROPPED")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # uvloop then writes at once instead of at the end of its turn
        self._is_plain = transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("CONNECTION_LOST")

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            return self.drop()  # an answer to nothing
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return self._end("ANSWER_MALFORMED")
        if self._complete and self._keep_alive:
            self._free()
        elif self._complete or self._received > self._max_answer:
            self._end("ANSWER_TOO_LARGE")

    def _free(self) -> None:
        exchange, status, retry_after, body = self._exchange, self._status, self._retry_after, b"".join(self._body)
        self._exchange = None
        self.idle_since = self._loop.time()
        self._new_answer()
        if exchange is not None:
            exchange.answered(status, retry_after, body)
        self._changed(self)

    def _end(self, reason: str) -> None:
        """No more of this connection; a status that has come stands, whatever happened to the rest of its answer."""
        if self.closed:
            return
        self.closed = True
        if self._transport is not None:
            self._transport.abort()
        exchange, self._exchange = self._exchange, None
        if exchange is not None and self._status:
            exchange.answered(self._status, self._retry_after, b"".join(self._body) if self._complete else None)
        elif exchange is not None:
            exchange.unanswered(reason)
        self._changed(self)

    # What httptools calls while it parses.

    def on_message_begin(self) -> None:
        if self._complete:
            raise ValueError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:  # 1xx announces, it does not answer (RFC 9110 §15.2)
            self._status = status

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        self._complete = self._status != 0
        self._keep_alive = self._parser.should_keep_alive()  # only here: it knows no more once this has returned
