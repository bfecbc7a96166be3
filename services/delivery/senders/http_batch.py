"""Owns calls of a project's own endpoint: many recipients in each, signed, with a key per recipient and per call.

Never repeats a call and never raises for what an endpoint or a network does. The wire is described beside
carillon.delivery.v1.HttpProvider.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence

from services.delivery.domain.message_identity import spell_message_id
from services.delivery.senders.batch_answers import ACCEPTED, Meaning, exceptions, meaning
from services.delivery.senders.connection_pool import ConnectionPool
from services.delivery.senders.destination import Destinations
from services.delivery.senders.dialer import Dialer
from services.delivery.senders.push_answers import seconds_to_wait
from services.delivery.senders.sender import Answer, AnswerKind, Message
from services.delivery.senders.webhook_signature import WebhookSigner

_MAX_CALL = 4 * 1024 * 1024  # bytes of recipients in one call
_MAX_ANSWER = 1024 * 1024  # bytes; 2,000 recipients may each be named
_TAIL = b"]}"
_TEST = b'{"campaign":"","run":"","content":{},"recipients":['


class HttpEndpoint:
    """One account's endpoint: its connections and its signature, shared by the runs that are sent through it."""

    def __init__(
        self,
        *,
        url: str,
        key: bytes,
        connections: int,
        response_timeout: float,
        allowed_private_hosts: tuple[str, ...] = (),
        connect_timeout: float = 5.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Times in seconds. Raises ValueError where the URL is none, or one that may not be called."""
        destinations = Destinations(frozenset(host.lower() for host in allowed_private_hosts))
        self._origin, target = destinations.read(url)
        self._head = b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\nUser-Agent: Carillon\r\n" % (
            target.encode(),
            self._origin.authority.encode(),
        )
        self._signer = WebhookSigner(key)
        self._pool = ConnectionPool(
            Dialer(destinations, timeout=connect_timeout, tls=tls),
            per_origin=connections,
            in_all=connections,
            response_timeout=response_timeout,
            max_answer=_MAX_ANSWER,
        )

    def submit(self, lane: object, call: BatchCall) -> None:
        """Queue a call."""
        self._pool.submit(self._origin, lane, [call])

    def request(self, identifier: bytes, body: bytes) -> bytes:
        """Head and body of a call."""
        signed = self._signer.headers(identifier, body, now=int(time.time()))
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        return b"".join((self._head, signed, b"Idempotency-Key: ", identifier, b"\r\n", length, body))

    async def problem(self) -> str:
        """Call without recipients; why that was not answered with 2xx, in UPPER_SNAKE, empty where it was."""
        sender = HttpBatchSender(self, head=_TEST, recipients_per_call=1)
        batch = _Batch(lambda: True, size=1)
        self.submit(batch, BatchCall(sender, batch, [Message(0, b"", None, b"")]))
        await batch.done.wait()
        return batch.answers[0].reason

    async def close(self) -> None:
        """Drop all connections."""
        await self._pool.close()


class HttpBatchSender:
    """As a Sender (see sender.py), of one run and without a journal; a message's payload is its recipient's JSON
    object, its address unused."""

    def __init__(self, endpoint: HttpEndpoint, *, head: bytes, recipients_per_call: int) -> None:
        """`head` is the body's beginning up to the list of recipients."""
        self.endpoint = endpoint
        self._head = head
        self._recipients_per_call = recipients_per_call

    async def send(self, messages: Sequence[Message], *, may_start: Callable[[], bool]) -> list[Answer]:
        batch = _Batch(may_start, size=len(messages))
        try:
            for part in self._parts(messages):
                self.endpoint.submit(batch, BatchCall(self, batch, part))
                await asyncio.sleep(0)  # a call takes a millisecond to build
            await batch.done.wait()
        finally:
            batch.stopped = True  # for a cancelled caller: what still waits must not start
        return batch.answers

    async def close(self) -> None:
        """Nothing is this sender's own."""

    def body(self, messages: Sequence[Message]) -> bytes:
        """A call's body."""
        return self._head + b",".join([message.payload for message in messages]) + _TAIL

    def _parts(self, messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
        for start in range(0, len(messages), self._recipients_per_call):
            yield from _fitting(messages[start : start + self._recipients_per_call])


class BatchCall:
    """One call's Exchange: what the connection reports becomes the Answer of each recipient."""

    __slots__ = ("_batch", "_messages", "request")

    def __init__(self, sender: HttpBatchSender, batch: _Batch, messages: Sequence[Message]) -> None:
        self._batch = batch
        self._messages = messages
        self.request = sender.endpoint.request(_identifier(messages), sender.body(messages))

    def may_start(self) -> bool:
        return self._batch.may_start()

    def answered(self, status: int, retry_after: str, body: bytes | None) -> None:
        all_of_them = meaning(status)
        if all_of_them == ACCEPTED and body is None:
            return self.unanswered("HTTP_ANSWER_CUT_OFF")  # it may have refused some
        named = exceptions(body) if all_of_them == ACCEPTED and body else {}
        self._batch.settle(self._messages, all_of_them, code=status, retry_after=retry_after, named=named)

    def unanswered(self, reason: str) -> None:
        self._batch.settle(self._messages, (AnswerKind.UNANSWERED, reason))

    def failed(self, reason: str) -> None:
        self._batch.settle(self._messages, (AnswerKind.RETRY, reason))

    def refused(self, reason: str) -> None:
        self._batch.settle(self._messages, (AnswerKind.REJECTED, f"HTTP_{reason}"))

    def not_started(self) -> None:
        self._batch.settle(self._messages, (AnswerKind.NOT_STARTED, ""))


class _Batch:
    """The answers of one `send`."""

    def __init__(self, may_start: Callable[[], bool], *, size: int) -> None:
        self.answers: list[Answer] = []
        self.done = asyncio.Event()
        self.stopped = False
        self._may_start = may_start
        self._size = size
        if not size:
            self.done.set()

    def may_start(self) -> bool:
        """Asks the caller; once it has said no, the answer stays no."""
        self.stopped = self.stopped or not self._may_start()
        return not self.stopped

    def settle(
        self,
        messages: Sequence[Message],
        all_of_them: Meaning,
        *,
        code: int = 0,
        retry_after: str = "",
        named: dict[str, Meaning] | None = None,
    ) -> None:
        """The answers of a call's recipients."""
        now = time.time()
        wait = seconds_to_wait(retry_after, now=now) if retry_after else 0.0
        kind, reason = all_of_them
        pause = wait if kind is AnswerKind.RETRY else 0.0
        if not named:
            self.answers += [Answer(message.position, kind, code, reason, now, pause) for message in messages]
        else:
            self.answers += [_named_answer(message, named, code=code, now=now, wait=wait) for message in messages]
        if len(self.answers) == self._size:
            self.done.set()


def _named_answer(message: Message, named: dict[str, Meaning], *, code: int, now: float, wait: float) -> Answer:
    kind, reason = named.get(spell_message_id(message.message_id), ACCEPTED)
    return Answer(message.position, kind, code, reason, now, wait if kind is AnswerKind.RETRY else 0.0)


def _fitting(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """The same, halved as long as it is too long for a call."""
    if len(messages) == 1 or sum(len(message.payload) for message in messages) <= _MAX_CALL:
        yield messages
    else:
        middle = len(messages) // 2
        yield from _fitting(messages[:middle])
        yield from _fitting(messages[middle:])


def _identifier(messages: Sequence[Message]) -> bytes:
    """Follows from the recipients' keys, so that the same call again is known as the same."""
    digest = hashlib.blake2b(b"".join([message.message_id for message in messages]), digest_size=18).digest()
    return b"msg_" + base64.urlsafe_b64encode(digest)
