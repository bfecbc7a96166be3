"""Owns web push as a channel: encryption in threads ahead of the calls, the calls over shared connections.

Never repeats a call and never raises for what a subscription, a push service or a network does.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from services.delivery.senders.connection_pool import ConnectionPool
from services.delivery.senders.destination import Destinations, Origin
from services.delivery.senders.dialer import Dialer
from services.delivery.senders.push_batch import PushBatch, PushCall
from services.delivery.senders.push_request import (
    PushAddress,
    PushRequest,
    PushRequests,
    Refusal,
)
from services.delivery.senders.sender import Answer, AnswerKind, Journal, Message
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
        threads: ThreadPoolExecutor | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Times in seconds; `allowed_private_hosts` are "host:port" that may be http and need not be public.

        `threads` are shared with other senders and stay theirs; without, this one has `crypto_threads` of its own.
        """
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
        self._shares_threads = threads is not None
        self._threads = threads or ThreadPoolExecutor(crypto_threads, thread_name_prefix="push-encryption")

    async def send(
        self, messages: Sequence[Message], *, may_start: Callable[[], bool], journal: Journal
    ) -> list[Answer]:
        batch = PushBatch(len(messages), may_start, journal, unsettled=self._unsettled)
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
        if not self._shares_threads:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _feed(self, batch: PushBatch, slices: Iterator[list[Message]]) -> None:
        loop = asyncio.get_running_loop()
        for part in slices:
            await batch.wanted.wait()
            if not batch.may_start():
                batch.leave(part)
                continue
            self._submit(batch, await loop.run_in_executor(self._threads, self._requests.make_all, part))

    def _submit(self, batch: PushBatch, made: list[PushRequest | Refusal]) -> None:
        calls: dict[Origin, list[PushCall]] = {}
        for item in made:
            if isinstance(item, Refusal):
                batch.answer(item.position, AnswerKind.REJECTED, reason=item.reason)
            else:
                calls.setdefault(item.origin, []).append(PushCall(batch, item))
        batch.submitted(sum(map(len, calls.values())))
        for origin, waiting in calls.items():
            self._pool.submit(origin, batch, waiting)


def _slices(messages: Sequence[Message]) -> Iterator[list[Message]]:
    remaining = iter(messages)
    while part := list(itertools.islice(remaining, _SLICE)):
        yield part
