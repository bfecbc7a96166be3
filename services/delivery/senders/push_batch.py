"""Owns one batch of pushes while it is being sent: who has an answer, whether more may start or is of use, what the
journal knows.

Never sends: connections report to a PushCall, which turns the report into the message's Answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from services.delivery.senders.push_answers import meaning, seconds_to_wait
from services.delivery.senders.push_request import PushRequest
from services.delivery.senders.sender import Answer, AnswerKind, Journal, Message


class PushBatch:
    """The answers of one `send`; `wanted` and `done` are for its feeders."""

    def __init__(self, size: int, may_start: Callable[[], bool], journal: Journal, *, unsettled: int) -> None:
        self.answers: list[Answer] = []
        self.done = asyncio.Event()
        self.wanted = asyncio.Event()  # set while more encrypted messages are of use
        self.wanted.set()
        self.stopped = False
        self.journal = journal
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

    def leave(self, messages: Sequence[Message]) -> None:
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


class PushCall:
    """One message's Exchange: what the connection reports becomes its Answer."""

    __slots__ = ("_attempted", "_batch", "_position", "request")

    def __init__(self, batch: PushBatch, made: PushRequest) -> None:
        self.request = made.request
        self._batch = batch
        self._position = made.position
        self._attempted = False

    def may_start(self) -> bool:
        """Whether the request may leave. It is in the journal then."""
        if not self._batch.may_start():
            return False
        try:
            self._batch.journal.attempting(self._position)
        except OSError:
            self._batch.stopped = True
            return False
        self._attempted = True
        return True

    def answered(self, status: int, retry_after: str, body: bytes | None) -> None:
        kind, reason = meaning(status)
        self._settle(kind, code=status, reason=reason, retry_after=retry_after)

    def unanswered(self, reason: str) -> None:
        """The journal keeps the doubt."""
        self._batch.settle(self._position, AnswerKind.UNANSWERED, reason=reason)

    def failed(self, reason: str) -> None:
        self._settle(AnswerKind.RETRY, reason=reason)

    def refused(self, reason: str) -> None:
        self._settle(AnswerKind.REJECTED, reason=f"PUSH_{reason}")

    def not_started(self) -> None:
        self._batch.settle(self._position, AnswerKind.NOT_STARTED)

    def _settle(self, kind: AnswerKind, *, code: int = 0, reason: str = "", retry_after: str = "") -> None:
        if self._attempted:
            try:
                self._batch.journal.answered(self._position, kind, code)
            except OSError:
                self._batch.stopped = True  # what is answered stands; nothing more begins
        self._batch.settle(self._position, kind, code=code, reason=reason, retry_after=retry_after)
