"""Owns the contract between the worker and every channel's sender.

Never decides what an answer means for a run: the worker records, retries or parks.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class AnswerKind(enum.Enum):
    """What became of one message in one attempt."""

    __hash__ = object.__hash__  # there is one of each; Enum's own takes longer than counting

    ACCEPTED = "accepted"  # the provider took it
    REJECTED = "rejected"  # the provider refused it for good
    RETIRED = "retired"  # the provider says the endpoint is gone (404, 410, a hard 5xx to RCPT): never use it again
    RETRY = "retry"  # surely not delivered (429, 5xx, connection refused): again after `retry_after`
    UNANSWERED = "unanswered"  # bytes left, no answer came: it may or may not have been delivered
    NOT_STARTED = "not_started"  # the authorisation ran out before its first byte: nothing left this process


@dataclass(slots=True)  # not frozen: that would treble what making one costs, and there is one per recipient
class Message:
    """One message ready to be sent; `position` is its index in the run's chunk."""

    position: int
    message_id: bytes  # 16 bytes, the idempotency key
    address: object  # the channel's own type: PushAddress, …
    payload: bytes  # what the recipient's device shows, before encryption or envelope


@dataclass(slots=True)  # as Message
class Answer:
    """What one attempt brought; `at` is UNIX seconds, `code` the provider's own status (0 where none came)."""

    position: int
    kind: AnswerKind
    code: int
    reason: str  # UPPER_SNAKE, empty for ACCEPTED: "PUSH_PAYLOAD_TOO_LARGE", "CONNECTION_REFUSED"
    at: float
    retry_after: float = 0.0  # seconds from `at`; only for RETRY; 0 where the provider named none


class Journal(Protocol):
    """What a sender tells before a message can arrive and after it was answered."""

    def attempting(self, position: int) -> None:
        """The body is about to leave. Raises OSError where that cannot be written down: it must not leave then."""
        ...

    def answered(self, position: int, kind: AnswerKind, code: int) -> None:
        """The attempt was answered. Raises OSError."""
        ...


class Sender(Protocol):
    """Sends messages of one run over one channel."""

    async def send(
        self, messages: Sequence[Message], *, may_start: Callable[[], bool], journal: Journal
    ) -> list[Answer]:
        """Try each message once and answer exactly one Answer each, in any order.

        `may_start` is asked immediately before the first byte of every call; once it says no, that message and
        all that have not begun are NOT_STARTED, as is what the journal refuses to take. Never raises for what a
        provider or a network does.
        """
        ...

    async def close(self) -> None:
        """Drop all connections."""
        ...
