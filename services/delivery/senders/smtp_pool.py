"""Owns the connections to one account: how many there are, when one more is dialled, when an idle one says goodbye.

Never looks into a reply, and never repeats a body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from services.delivery.senders.fair_queue import FairQueue
from services.delivery.senders.smtp_batch import EmailBatch, EmailCall
from services.delivery.senders.smtp_connection import Connection
from services.delivery.senders.smtp_session import Opener, SessionError

log = structlog.get_logger()

_SWEEP_EVERY = 0.25  # seconds; one timer for all
_IDLE_LIMIT = 10.0  # seconds; servers count connections, so an unused one is given back
_FIRST_HOLD = 0.5  # seconds without dialling after a failure, twice as long after each further one
_LONGEST_HOLD = 5.0
_MOST_FAILURES = 6


class SmtpPool:
    """Used from the loop that first submits. Batches take turns."""

    def __init__(self, opener: Opener, *, connections: int, reply_timeout: float, body_timeout: float) -> None:
        self._opener = opener
        self._most = connections
        self._reply_timeout = reply_timeout
        self._body_timeout = body_timeout
        self._queue: FairQueue[EmailCall] = FairQueue()
        self._connections: set[Connection] = set()
        self._dialling: set[asyncio.Task[None]] = set()
        self._failures = 0  # of dialling, in a row
        self._hold_until = 0.0
        self._problem = SessionError("")  # the last one
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    def submit(self, batch: EmailBatch, calls: Iterable[EmailCall]) -> None:
        """Each call is settled in time, whatever happens."""
        if self._closed:
            for call in calls:
                call.not_started()
            return
        self._queue.put(batch, calls)
        if self._failures and not (self._connections or self._dialling) and self._held() > 0:
            self._give_up()  # without keeping the caller through a time-out of dialling each time
        self._work()
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_EVERY, self._sweep)

    def _work(self) -> None:
        for connection in list(self._connections):
            if not self._queue:
                return
            connection.work()
        for _ in range(min(len(self._queue), self._room()) - len(self._dialling)):
            task = asyncio.get_running_loop().create_task(self._dial())
            self._dialling.add(task)
            task.add_done_callback(self._dialled)

    def _room(self) -> int:
        """How many may be dialling."""
        if self._held() > 0:
            return 0
        room = self._most - len(self._connections)
        return min(room, 1) if self._failures else room  # one asks whether the server is back

    def _dialled(self, task: asyncio.Task[None]) -> None:
        self._dialling.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a connection failed by a defect", exc_info=task.exception())
            self._refuse(SessionError("CONNECTION_FAILED"))

    async def _dial(self) -> None:
        try:
            session = await self._opener.open()
        except SessionError as problem:
            return self._refuse(problem)
        connection = Connection(
            session,
            reply_timeout=self._reply_timeout,
            body_timeout=self._body_timeout,
            take=self._queue.take,
            put_back=self._put_back,
            changed=self._on_change,
        )
        if connection.closed:
            return self._refuse(SessionError(session.wire.ended))
        self._failures //= 2
        self._connections.add(connection)
        self._work()

    def _refuse(self, problem: SessionError) -> None:
        if self._held() <= 0:  # failures at once are one
            hold = min(_FIRST_HOLD * 2.0**self._failures, _LONGEST_HOLD)
            self._hold_until = asyncio.get_running_loop().time() + hold
            self._failures = min(self._failures + 1, _MOST_FAILURES)
        self._problem = problem
        dialling = asyncio.current_task()
        if dialling in self._dialling:
            self._dialling.remove(dialling)
        if not (self._connections or self._dialling):  # else theirs is the queue: they get through, or fail last
            self._give_up()

    def _held(self) -> float:
        """Seconds for which nothing is dialled."""
        return self._hold_until - asyncio.get_running_loop().time()

    def _give_up(self) -> None:
        for call in self._queue.take_all():
            if self._problem.final:
                call.refused(f"EMAIL_{self._problem.reason}")
            else:
                call.failed(self._problem.reason, retry_after=max(self._held(), 0.0))

    def _put_back(self, call: EmailCall) -> None:
        if self._closed:
            return call.not_started()
        self._queue.put_back(call.batch, call)

    def _on_change(self, connection: Connection) -> None:
        if connection.closed:
            self._connections.discard(connection)
            if self._queue and not self._closed:
                asyncio.get_running_loop().call_soon(self._work)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self._connections):
            connection.judge(now)
            if not connection.busy and now - connection.idle_since > _IDLE_LIMIT:
                connection.leave()
        if self._queue:
            self._work()
        again = (self._connections or self._dialling or self._queue) and not self._closed
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_EVERY, self._sweep) if again else None

    async def close(self) -> None:
        """Waiting calls are not started, a body that is out is unanswered; idle connections say goodbye."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for task in list(self._dialling):
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        for call in self._queue.take_all():
            call.not_started()
        for connection in list(self._connections):
            if connection.busy:
                connection.drop()
            else:
                connection.leave()
        await self._goodbye()

    async def _goodbye(self) -> None:
        for _ in range(10):
            if not self._connections:
                return
            await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.drop()
