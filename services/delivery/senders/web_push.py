"""Owns web push as a channel: encryption in threads ahead of the calls, the calls over shared connections.

Never repeats a call and never raises for what a subscription, a push service or a network does.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from services.delivery.senders.connection_pool import ConnectionPool
from services.delivery.senders.destination import Destinations, Origin
from services.delivery.senders.dialer import Dialer
from services.delivery.senders.push_answers import meaning, seconds_to_wait
from services.delivery.senders.push_request import (
    PushAddress,
    PushRequest,
    PushRequests,
    Refusal,
)
from services.delivery.senders.sender import Answer, AnswerKind, Message
from services.delivery.senders.vapid import VapidSigner

__all__ = ["PushAddress", "WebPushSender"]

_SLICE = 32  # messages that one thread encrypts in one go, about 4 ms
_AHEAD = 256  # encrypted messages of one batch that wait for a connection; more would be thrown away at a pause


class WebPushSender:
    """A Sender (see sender.py) whose addresses are PushAddress; several `send` calls share everything fairly."""

    def __init__(
        self,
        signer: VapidSigner,
        *,
        time_to_live: int = 24 * 3600,
        urgency: str = "normal",
        allowed_private_hosts: tuple[str, ...] = (),
        connections_per_origin: int = 64,
        connections: int = 1_024,
        response_timeout: float = 10.0,
        connect_timeout: float = 5.0,
        crypto_threads: int = 2,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Times in seconds; `allowed_private_hosts` are "host:port" that may be http and need not be public."""
        destinations = Destinations(frozenset(host.lower() for host in allowed_private_hosts))
        self._requests = PushRequests(signer, destinations, time_to_live=time_to_live, urgency=urgency)
        self._pool = ConnectionPool(
            Dialer(destinations, timeout=connect_timeout, tls=tls),
            per_origin=connections_per_origin,
            in_all=connections,
            response_timeout=response_timeout,
        )
        self._unsettled = connections_per_origin + _AHEAD
        self._crypto_threads = crypto_threads
        self._threads = ThreadPoolExecutor(crypto_threads, thread_name_prefix="push-encryption")

    async def send(self, messages: Sequence[Message], *, may_start: Callable[[], bool]) -> list[Answer]:
        batch = _Batch(len(messages), may_start, unsettled=self._unsettled)
        slices = _slices(messages)
        try:
            # As many feeders as threads: each encrypts its next slice while the last one is being sent.
            await asyncio.gather(*(self._feed(batch, slices) for _ in range(self._crypto_threads)))
            await batch.done.wait()
        finally:
            batch.stopped = True  # for a cancelled caller: what still waits must not start
        return batch.answers

    async def close(self) -> None:
        await self._pool.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _feed(self, batch: _Batch, slices: Iterator[list[Message]]) -> None:
        loop = asyncio.get_running_loop()
        for part in slices:
            await batch.wanted.wait()
            if not batch.may_start():
                batch.leave(part)
                continue
            self._submit(batch, await loop.run_in_executor(self._threads, self._requests.make_all, part))

    def _submit(self, batch: _Batch, made: list[PushRequest | Refusal]) -> None:
        calls: dict[Origin, list[_Call]] = {}
        for item in made:
            if isinstance(item, Refusal):
                batch.answer(item.position, AnswerKind.REJECTED, reason=item.reason)
            else:
                calls.setdefault(item.origin, []).append(_Call(batch, item))
        batch.submitted(sum(map(len, calls.values())))
        for origin, waiting in calls.items():
            self._pool.submit(origin, batch, waiting)


class _Batch:
    """The answers of one `send`; also its lane in the pool's queues."""

    def __init__(self, size: int, may_start: Callable[[], bool], *, unsettled: int) -> None:
        self.answers: list[Answer] = []
        self.done = asyncio.Event()
        self.wanted = asyncio.Event()  # set while more encrypted messages are of use
        self.wanted.set()
        self.stopped = False
        self._size = size
        self._may_start = may_start
        self._unsettled = 0
        self._max_unsettled = unsettled
        if not size:
            self.done.set()

    def may_start(self) -> bool:
        """Asks the caller; once it has said no, the answer stays no."""
        self.stopped = self.stopped or not self._may_start()
        return not self.stopped

    def submitted(self, count: int) -> None:
        self._unsettled += count
        if self._unsettled >= self._max_unsettled:
            self.wanted.clear()

    def settle(
        self, position: int, kind: AnswerKind, *, code: int = 0, reason: str = "", retry_after: str = ""
    ) -> None:
        """The answer of a submitted message."""
        self._unsettled -= 1
        if self._unsettled < self._max_unsettled:
            self.wanted.set()
        self.answer(position, kind, code=code, reason=reason, retry_after=retry_after)

    def leave(self, messages: list[Message]) -> None:
        for message in messages:
            self.answer(message.position, AnswerKind.NOT_STARTED)

    def answer(
        self, position: int, kind: AnswerKind, *, code: int = 0, reason: str = "", retry_after: str = ""
    ) -> None:
        now = time.time()
        wait = seconds_to_wait(retry_after, now=now) if retry_after and kind is AnswerKind.RETRY else 0.0
        self.answers.append(Answer(position, kind, code, reason, now, wait))
        if len(self.answers) == self._size:
            self.done.set()


class _Call:
    """One message's Exchange: what the connection reports becomes its Answer."""

    __slots__ = ("_batch", "_position", "request")

    def __init__(self, batch: _Batch, made: PushRequest) -> None:
        self.request = made.request
        self._batch = batch
        self._position = made.position

    def may_start(self) -> bool:
        return self._batch.may_start()

    def answered(self, status: int, retry_after: str) -> None:
        kind, reason = meaning(status)
        self._batch.settle(self._position, kind, code=status, reason=reason, retry_after=retry_after)

    def unanswered(self, reason: str) -> None:
        self._batch.settle(self._position, AnswerKind.UNANSWERED, reason=reason)

    def failed(self, reason: str) -> None:
        self._batch.settle(self._position, AnswerKind.RETRY, reason=reason)

    def refused(self, reason: str) -> None:
        self._batch.settle(self._position, AnswerKind.REJECTED, reason=f"PUSH_{reason}")

    def not_started(self) -> None:
        self._batch.settle(self._position, AnswerKind.NOT_STARTED)


def _slices(messages: Sequence[Message]) -> Iterator[list[Message]]:
    remaining = iter(messages)
    while part := list(itertools.islice(remaining, _SLICE)):
        yield part
