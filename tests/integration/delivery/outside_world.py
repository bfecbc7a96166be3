"""Owns the outside world of these tests: a provider that keeps a ledger of what reached it and answers as it is told.

It stands where a real sender stands. What it accepted counts as delivered, whatever its answer was.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from services.delivery.senders.sender import Answer, AnswerKind, Journal, Message
from services.delivery.senders.web_push import PushAddress
from services.runtime.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Reply:
    """What becomes of one call; `delivered` if the message arrived, though perhaps nobody is told."""

    kind: AnswerKind
    code: int = 0
    reason: str = ""
    retry_after: float = 0.0
    delivered: bool = False


ACCEPTED = Reply(AnswerKind.ACCEPTED, 201, delivered=True)
REFUSED = Reply(AnswerKind.REJECTED, 400, "PUSH_REJECTED_400")
GONE = Reply(AnswerKind.RETIRED, 410, "PUSH_SUBSCRIPTION_GONE")
BUSY = Reply(AnswerKind.RETRY, 429, "PUSH_TOO_MANY_REQUESTS")
LOST_REQUEST = Reply(AnswerKind.UNANSWERED, reason="PUSH_UNANSWERED")
LOST_ANSWER = Reply(AnswerKind.UNANSWERED, reason="PUSH_UNANSWERED", delivered=True)


Script = Callable[[Message, int], Reply]  # asked with the message and how many calls to its address came before


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the ledger; `at` is when it started, in the boot clock's seconds."""

    message_id: bytes
    to: str
    at: float
    delivered: bool


def busy_for(seconds: float) -> Reply:
    """Not now, says the provider, but then."""
    return replace(BUSY, retry_after=seconds)


def only(addresses: Collection[str], replies: Sequence[Reply]) -> Script:
    """The first calls to these addresses are answered so, one reply each; everything else is accepted."""

    def reply(message: Message, earlier: int) -> Reply:
        assert isinstance(message.address, PushAddress)
        return replies[earlier] if message.address.url in addresses and earlier < len(replies) else ACCEPTED

    return reply


def accept(message: Message, earlier: int) -> Reply:
    """What a provider does on a good day."""
    return ACCEPTED


def _written_down(journal: Journal | None, position: int) -> bool:
    """Whether the body may leave."""
    try:
        if journal is not None:
            journal.attempting(position)
    except OSError:
        return False
    return True


@dataclass
class OutsideWorld:
    """The provider."""

    reply: Script = accept
    seconds_per_call: float = 0.0
    ledger: list[Call] = field(default_factory=list)
    _seen: Counter[str] = field(default_factory=Counter)  # calls by address

    @property
    def delivered(self) -> list[Call]:
        """The calls whose message arrived."""
        return [call for call in self.ledger if call.delivered]

    async def calls(self) -> int:
        """How many there were so far."""
        return len(self.ledger)

    def began_after(self, instant: float) -> list[float]:
        """How many seconds after this instant each later call began."""
        return [call.at - instant for call in self.ledger if call.at > instant]

    def take(self, message: Message) -> Reply:
        """A call begins."""
        assert isinstance(message.address, PushAddress)
        reply = self.reply(message, self._seen[message.address.url])
        self._seen[message.address.url] += 1
        at = SystemClock().boot_seconds()
        self.ledger.append(Call(message.message_id, message.address.url, at, reply.delivered))
        return reply


class ScriptedSender:
    """A Sender and a JournallingSender (see services/delivery/senders/sender.py) with one connection; answers wait
    while it is held."""

    def __init__(self, world: OutsideWorld) -> None:
        self._world = world
        self._free = asyncio.Event()
        self._free.set()

    def hold(self) -> None:
        """Calls begin, and their answers do not come."""
        self._free.clear()

    def let_go(self) -> None:
        """The answers come."""
        self._free.set()

    async def send(
        self, messages: Sequence[Message], *, may_start: Callable[[], bool], journal: Journal | None = None
    ) -> list[Answer]:
        """One call after the other."""
        return [await self._send(message, may_start, journal) for message in messages]

    async def _send(self, message: Message, may_start: Callable[[], bool], journal: Journal | None) -> Answer:
        if not may_start() or not _written_down(journal, message.position):
            return Answer(message.position, AnswerKind.NOT_STARTED, 0, "", time.time())
        reply = self._world.take(message)
        await asyncio.sleep(self._world.seconds_per_call)
        await self._free.wait()
        if journal is not None and reply.kind is not AnswerKind.UNANSWERED:
            journal.answered(message.position, reply.kind, reply.code)
        return Answer(message.position, reply.kind, reply.code, reply.reason, time.time(), reply.retry_after)

    async def close(self) -> None:
        """Nothing is open."""
