"""Owns the connections of a process: how many to which origin, who gets the next free one, when idle ones go.

Never looks into a request or an answer, and never repeats a request.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence

from services.delivery.senders.destination import Origin
from services.delivery.senders.dialer import Dialer, DialError
from services.delivery.senders.exchange import Exchange
from services.delivery.senders.fair_queue import FairQueue
from services.delivery.senders.http1 import MAX_ANSWER, Connection

_SWEEP_EVERY = 0.25  # seconds; one timer for all, since one per request would cost as much as the request
_IDLE_LIMIT = 30.0  # seconds; well below what servers keep, so that few are found closed


class ConnectionPool:
    """Connections to many origins; every one of them is used from the loop that first submits."""

    def __init__(
        self, dialer: Dialer, *, per_origin: int, in_all: int, response_timeout: float, max_answer: int = MAX_ANSWER
    ) -> None:
        self._dialer = dialer
        self._max_answer = max_answer
        self._per_origin = per_origin
        self._in_all = in_all
        self._response_timeout = response_timeout
        self._origins: dict[Origin, _OriginPool] = {}
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    def submit(self, origin: Origin, lane: object, exchanges: Sequence[Exchange]) -> None:
        """Queue requests; each of them is told what became of it. Lanes of one origin take turns."""
        if self._closed:
            for exchange in exchanges:
                exchange.not_started()
            return
        pool = self._origins.get(origin)
        if pool is None:
            pool = self._origins[origin] = _OriginPool(self, origin)
        pool.queue.put(lane, exchanges)
        pool.work()
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_EVERY, self._sweep)

    def may_open(self, origin: Origin) -> bool:
        """Whether one more connection fits; an idle one of another origin makes room."""
        if sum(pool.size for pool in self._origins.values()) < self._in_all:
            return True
        idle = next((pool for pool in self._origins.values() if pool.idle and pool.origin != origin), None)
        if idle is not None:
            idle.idle[0].drop()
        return idle is not None

    @property
    def per_origin(self) -> int:
        return self._per_origin

    async def dial(self, pool: _OriginPool) -> Connection:
        make = functools.partial(
            Connection,
            response_timeout=self._response_timeout,
            changed=pool.changed,
            max_answer=self._max_answer,
        )
        return await self._dialer.open(pool.origin, make)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for origin, pool in list(self._origins.items()):
            pool.sweep(now)
            if pool.size == 0 and not pool.queue:
                del self._origins[origin]
        again = self._origins and not self._closed
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_EVERY, self._sweep) if again else None

    async def close(self) -> None:
        """Drop every connection: requests in flight are unanswered, waiting ones not started."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for pool in list(self._origins.values()):
            await pool.close()
        self._origins.clear()


class _OriginPool:
    """The connections of one origin and the requests that wait for them."""

    def __init__(self, pools: ConnectionPool, origin: Origin) -> None:
        self.origin = origin
        self.queue: FairQueue[Exchange] = FairQueue()
        self.idle: list[Connection] = []
        self._pools = pools
        self._busy: set[Connection] = set()
        self._dialing: set[asyncio.Task[None]] = set()

    @property
    def size(self) -> int:
        return len(self.idle) + len(self._busy) + len(self._dialing)

    def work(self) -> None:
        """Give waiting requests to idle connections, the youngest first, then dial for the rest."""
        while self.queue and self.idle:
            self._feed(self.idle.pop())
        for _ in range(len(self.queue) - len(self._dialing)):
            if self.size >= self._pools.per_origin or not self._pools.may_open(self.origin):
                return
            task = asyncio.get_running_loop().create_task(self._dial())
            self._dialing.add(task)
            task.add_done_callback(self._dialing.discard)

    def _feed(self, connection: Connection) -> None:
        while not connection.busy and not connection.closed:
            exchange = self.queue.take()
            if exchange is None:
                self._busy.discard(connection)
                self.idle.append(connection)
                return
            self._busy.add(connection)
            connection.start(exchange)

    def changed(self, connection: Connection) -> None:
        """A connection of ours has become free, or is no more."""
        if not connection.closed:
            return self._feed(connection)
        self._busy.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        if self.queue:
            asyncio.get_running_loop().call_soon(self.work)

    async def _dial(self) -> None:
        try:
            connection = await self._pools.dial(self)
        except DialError as problem:
            return self._refuse(problem)
        if connection.closed:
            return self._refuse(DialError("CONNECTION_CLOSED"))
        self._feed(connection)

    def _refuse(self, problem: DialError) -> None:
        if self.idle or self._busy:
            return  # others get through: theirs is the queue
        for exchange in self.queue.take_all():
            if problem.final:
                exchange.refused(problem.reason)
            else:
                exchange.failed(problem.reason)

    def sweep(self, now: float) -> None:
        for connection in list(self._busy):
            connection.judge(now)
        for connection in [each for each in self.idle if now - each.idle_since > _IDLE_LIMIT]:
            connection.drop()
        if self.queue:
            self.work()  # room may have come from another origin

    async def close(self) -> None:
        for task in list(self._dialing):
            task.cancel()
        await asyncio.gather(*self._dialing, return_exceptions=True)
        for exchange in self.queue.take_all():
            exchange.not_started()
        for connection in [*self.idle, *self._busy]:
            connection.drop()
