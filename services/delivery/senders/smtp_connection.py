"""Owns the mail transactions of one connection: which command a reply belongs to, and what may be written next.

Never opens or picks a connection. One body is outstanding at most: the next one leaves after the last one's reply, so
that a death leaves one message of this connection in doubt. Where the server takes PIPELINING (RFC 2920), the next
envelope travels with a body, and a message costs one round trip.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from services.delivery.senders.smtp_answers import Step
from services.delivery.senders.smtp_batch import EmailCall
from services.delivery.senders.smtp_data import EmailBytes, email_bytes
from services.delivery.senders.smtp_session import Session
from services.delivery.senders.smtp_wire import Reply

_READ_GRACE = 0.2  # seconds; after a freeze timers fire before waiting replies are read
_FRESH = 0.5  # seconds; a connection idle for longer is looked at before it is trusted with a message
_GOODBYE = 2.0  # seconds for the reply to QUIT
_DROPPED = "CONNECTION_DROPPED"  # by ourselves
_CLOSING = 421  # RFC 5321 §3.8: the server closes after this, whatever was asked


class Envelope:
    """A message whose MAIL has been written and whose body has not."""

    __slots__ = ("call", "data", "refusal", "refused_at")

    def __init__(self, call: EmailCall, data: EmailBytes) -> None:
        self.call = call
        self.data = data
        self.refused_at = Step.MAIL
        self.refusal: Reply | None = None

    def refuse(self, step: Step, reply: Reply) -> None:
        if self.refusal is None:
            self.refused_at, self.refusal = step, reply

    def settle(self) -> None:
        if self.refusal is not None:
            self.call.replied(self.refused_at, self.refusal)


class Connection:
    """Takes messages by itself as long as there are some; `changed` is called when it is free or no more."""

    def __init__(
        self,
        session: Session,
        *,
        reply_timeout: float,
        body_timeout: float,
        take: Callable[[], EmailCall | None],
        put_back: Callable[[EmailCall], None],
        changed: Callable[[Connection], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._wire = session.wire
        self._abilities = session.abilities
        self._reply_timeout = reply_timeout
        self._body_timeout = body_timeout
        self._take = take
        self._put_back = put_back
        self._changed = changed
        self._expected: deque[Callable[[Reply], None]] = deque()
        self._body: EmailCall | None = None  # whose body is out
        self._envelope: Envelope | None = None
        self._has_open_transaction = False  # a refused one, which RSET ends
        self._deadline = 0.0
        self._overdue = False
        self._bodies_replied = 0
        self._is_leaving = False
        self.closed = bool(self._wire.ended)
        self.idle_since = self._loop.time()
        self._wire.listener = self

    @property
    def busy(self) -> bool:
        return bool(self._expected)

    def work(self) -> None:
        """Begin the next message, if there is one and nothing is under way."""
        if self.closed or self._expected or self._has_died():
            return
        began = self._begin()
        if began:
            self._write(began, self._reply_timeout)

    def _has_died(self) -> bool:
        """Something to read where nothing was asked is the end, or nonsense."""
        long_idle = self._loop.time() - self.idle_since > _FRESH
        if self._wire.is_closed or (long_idle and self._wire.is_readable()):
            self._wire.end("CONNECTION_LOST")
        return self.closed

    # Envelopes.

    def _begin(self) -> bytes:
        """The commands that begin the next message, empty where there is none; their replies are expected then."""
        while (call := self._take()) is not None:
            data = email_bytes(call.message, self._abilities)
            if isinstance(data, str):
                call.refused(data)
            elif not call.may_start():
                call.not_started()
            else:
                return self._commands(Envelope(call, data))
        return b""

    def _commands(self, envelope: Envelope) -> bytes:
        self._envelope = envelope
        reset = b"RSET\r\n" if self._has_open_transaction else b""
        self._has_open_transaction = False
        if reset:
            self._expected.append(self._on_reset)
        if self._abilities.pipelining:
            self._expected.extend((self._on_mail, self._on_rcpt, self._on_data))
            return b"%b%b%bDATA\r\n" % (reset, envelope.data.mail, envelope.data.rcpt)
        if reset:
            return reset
        self._expected.append(self._on_mail)
        return envelope.data.mail

    def _on_reset(self, reply: Reply) -> None:
        if not reply.is_positive:
            return self._wire.end("ANSWER_MALFORMED")
        if not self._abilities.pipelining and self._envelope is not None:
            self._ask(self._envelope.data.mail, self._on_mail)

    def _on_mail(self, reply: Reply) -> None:
        assert self._envelope is not None
        if not reply.is_positive:
            self._envelope.refuse(Step.MAIL, reply)
        if not self._abilities.pipelining:
            self._ask_unless_refused(self._envelope.data.rcpt, self._on_rcpt)

    def _on_rcpt(self, reply: Reply) -> None:
        assert self._envelope is not None
        if not reply.is_positive:
            self._envelope.refuse(Step.RCPT, reply)
        if not self._abilities.pipelining:
            self._ask_unless_refused(b"DATA\r\n", self._on_data)

    def _ask_unless_refused(self, command: bytes, then: Callable[[Reply], None]) -> None:
        assert self._envelope is not None
        if self._envelope.refusal is None:
            self._ask(command, then)
        else:
            self._give_up_envelope()

    def _on_data(self, reply: Reply) -> None:
        assert self._envelope is not None
        if reply.code == 354 and self._envelope.refusal is None:
            return self._send_body(self._envelope)
        if reply.code == 354 and self._envelope.refused_at is Step.RCPT:
            return self._ask(b".\r\n", self._on_empty_body)  # RFC 2920 §3.1: to nobody, and nothing
        if reply.code < 400:
            return self._wire.end("ANSWER_MALFORMED")
        self._envelope.refuse(Step.DATA, reply)
        self._give_up_envelope()

    def _give_up_envelope(self) -> None:
        self._has_open_transaction = True
        self._settle_envelope()
        self._go_on()

    def _on_empty_body(self, reply: Reply) -> None:
        self._settle_envelope()
        self._go_on()

    def _settle_envelope(self) -> None:
        envelope, self._envelope = self._envelope, None
        if envelope is not None:
            envelope.settle()

    # Bodies.

    def _send_body(self, envelope: Envelope) -> None:
        call = envelope.call
        if not call.attempt():
            self._envelope = None
            call.not_started()
            return self._wire.end("NOT_STARTED")  # after 354 there is no other way back (RFC 5321 §4.1.1.4)
        self._body, self._envelope = call, None
        self._expected.append(self._on_body)
        following = self._begin() if self._abilities.pipelining else b""
        if not self._write(envelope.data.body + following, self._body_timeout) and self._body is call:
            self._body = None
            call.failed("CONNECTION_LOST")

    def _on_body(self, reply: Reply) -> None:
        call, self._body = self._body, None
        assert call is not None
        if 300 <= reply.code < 400:
            call.unanswered("ANSWER_MALFORMED")
            return self._wire.end("ANSWER_MALFORMED")
        self._bodies_replied += 1
        call.replied(Step.BODY, reply)
        if self._envelope is None:
            self._go_on()

    def _go_on(self) -> None:
        """Nothing is under way: the next message, or rest."""
        if self.closed:
            return
        if began := self._begin():
            self._write(began, self._reply_timeout)
        else:
            self.idle_since = self._loop.time()
            self._changed(self)

    # The wire.

    def _ask(self, command: bytes, then: Callable[[Reply], None]) -> None:
        self._expected.append(then)
        self._write(command, self._reply_timeout)

    def _write(self, data: bytes, timeout: float) -> bool:
        self._overdue = False
        self._deadline = self._loop.time() + timeout
        return self._wire.write(data)

    def on_reply(self, reply: Reply) -> None:
        if not self._expected:
            return self._wire.end("ANSWER_MALFORMED" if reply.code != _CLOSING else "SERVER_CLOSING")
        self._overdue = False
        self._deadline = self._loop.time() + self._reply_timeout
        then = self._expected.popleft()
        if reply.code != _CLOSING:
            return then(reply)
        if self._body is not None and then == self._on_body:
            self._body.replied(Step.BODY, reply)
            self._body = None
        self._wire.end("SERVER_CLOSING")

    def judge(self, now: float) -> None:
        """End what takes too long, at the second look, and never while a reply waits to be read."""
        if not self._expected or now < self._deadline:
            return
        if not self._overdue:
            self._overdue = True
            self._deadline = now + _READ_GRACE
        elif not self._wire.is_readable():
            self._wire.end("RESPONSE_TIMEOUT")

    def leave(self) -> None:
        """Say goodbye and close; only when it is not busy."""
        if self.closed or self._is_leaving:
            return
        self._is_leaving = True
        self._ask(b"QUIT\r\n", self._on_quit)
        self._deadline = self._loop.time() + _GOODBYE

    def _on_quit(self, reply: Reply) -> None:
        self._wire.end("CONNECTION_CLOSED")

    def drop(self) -> None:
        """Close at once: a body that is out is unanswered."""
        self._wire.end(_DROPPED)

    def on_end(self, reason: str) -> None:
        if self.closed:
            return
        self.closed = True
        self._expected.clear()
        call, self._body = self._body, None
        if call is not None:
            call.unanswered(reason)
        envelope, self._envelope = self._envelope, None
        if envelope is not None:
            self._lose(envelope, reason)
        self._changed(self)

    def _lose(self, envelope: Envelope, reason: str) -> None:
        """Its body never left. One that a served connection has closed on gets another, once."""
        call = envelope.call
        if envelope.refusal is not None:
            envelope.settle()
        elif reason == _DROPPED:
            call.not_started()
        elif self._bodies_replied and not call.moved:
            call.moved = True
            self._put_back(call)
        else:
            call.failed(reason)
