"""Owns one batch of emails while it is being sent: who has an answer, whether more may start, what the journal knows.

Never sends: connections report what a server says to an EmailCall, which turns it into the message's Answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from services.delivery.senders.sender import Answer, AnswerKind, Journal, Message
from services.delivery.senders.smtp_answers import Step, meaning
from services.delivery.senders.smtp_wire import Reply


class EmailBatch:
    """The answers of one `send`."""

    def __init__(self, size: int, may_start: Callable[[], bool], journal: Journal) -> None:
        self.answers: list[Answer] = []
        self.done = asyncio.Event()
        self.stopped = False
        self.journal = journal
        self._size = size
        self._may_start = may_start
        if not size:
            self.done.set()

    def may_start(self) -> bool:
        """Asks the caller; once it has said no, the answer stays no."""
        self.stopped = self.stopped or not self._may_start()
        return not self.stopped

    def answer(
        self, position: int, kind: AnswerKind, *, code: int = 0, reason: str = "", retry_after: float = 0.0
    ) -> None:
        self.answers.append(Answer(position, kind, code, reason, time.time(), retry_after))
        if len(self.answers) == self._size:
            self.done.set()


class EmailCall:
    """One message on its way; exactly one of `replied`, `ended`, `refused`, `not_started`, `failed` settles it."""

    __slots__ = ("_attempted", "batch", "message", "moved")

    def __init__(self, batch: EmailBatch, message: Message) -> None:
        self.message = message
        self.moved = False  # to another connection, since the first one closed before the body
        self.batch = batch
        self._attempted = False

    def may_start(self) -> bool:
        return self.batch.may_start()

    def attempt(self) -> bool:
        """Asked immediately before the body's first byte: whether it may leave. It is in the journal then."""
        if not self.batch.may_start():
            return False
        try:
            self.batch.journal.attempting(self.message.position)
        except OSError:
            self.batch.stopped = True
            return False
        self._attempted = True
        return True

    def replied(self, step: Step, reply: Reply) -> None:
        """The server's word about this message, in this step."""
        kind, reason = meaning(step, reply)
        self._settle(kind, reply.code, reason)

    def failed(self, reason: str, *, retry_after: float = 0.0) -> None:
        """Surely not delivered; nothing new is known within `retry_after` seconds."""
        self._settle(AnswerKind.RETRY, 0, reason, retry_after)

    def refused(self, reason: str) -> None:
        """It can never be sent so."""
        self._settle(AnswerKind.REJECTED, 0, reason)

    def unanswered(self, reason: str) -> None:
        """The body left, no reply came: the journal keeps the doubt."""
        self.batch.answer(self.message.position, AnswerKind.UNANSWERED, reason=reason)

    def not_started(self) -> None:
        self.batch.answer(self.message.position, AnswerKind.NOT_STARTED)

    def _settle(self, kind: AnswerKind, code: int, reason: str, retry_after: float = 0.0) -> None:
        if self._attempted:
            try:
                self.batch.journal.answered(self.message.position, kind, code)
            except OSError:
                self.batch.stopped = True  # what is answered stands; nothing more begins
        self.batch.answer(self.message.position, kind, code=code, reason=reason, retry_after=retry_after)
