"""Owns the push service (RFC 8030): takes pushes, proves their sender, notes them in the ledger, answers.

Never decrypts: like a real push service it sees nothing of a message but its envelope.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass

from sandbox import push_decryption
from sandbox.delays import later
from sandbox.faults import Dice, Fate
from sandbox.http_server import Connection, Request
from sandbox.ledger import Ledger
from sandbox.subscriptions import Subscriptions
from sandbox.undelivered import Undelivered
from sandbox.vapid import VapidRefused, VapidVerifier

CHANNEL = 1
PREFIX = "/push/"
_MAX_BODY = 4096
_TOPIC = re.compile(rb"[A-Za-z0-9_-]{1,32}")  # RFC 8030 §5.4
_URGENCIES = (b"very-low", b"low", b"normal", b"high")


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    reason: str
    message: str
    headers: bytes = b""


class PushService:
    """Answers `POST /push/<subscription id>`; what one turn of the event loop accepts is one write to the ledger."""

    def __init__(self, subscriptions: Subscriptions, ledger: Ledger, dice: Dice) -> None:
        self._subscriptions = subscriptions
        self._ledger = ledger
        self._dice = dice
        self._vapid = VapidVerifier()
        self._undelivered = Undelivered()
        self._accepted: list[tuple[Connection, Fate]] = []
        self._served = 0
        self.answers: Counter[int] = Counter()  # by status; 0 are the dropped ones

    def receive(self, request: Request, connection: Connection) -> None:
        fate = self._dice.draw()
        if fate is Fate.LOST_REQUEST:
            return self._drop(connection)
        identifier = request.path[len(PREFIX) :]
        fault = self._fault(fate, identifier) if fate is not Fate.SERVED else None
        refusal = fault or self._problem(request, identifier)
        if refusal is not None:
            return self._refuse(connection, refusal)
        self._accept(request, identifier)
        if not self._accepted:
            asyncio.get_running_loop().call_soon(self._flush)
        self._accepted.append((connection, fate))

    def _fault(self, fate: Fate, identifier: str) -> _Refusal | None:
        faults = self._dice.faults
        if fate is Fate.THROTTLED:
            return _Refusal(429, "TOO_MANY_REQUESTS", "slow down", _retry_after(faults.retry_after))
        if fate is Fate.FAILED:
            wait = _retry_after(faults.failed_retry_after)
            return _Refusal(faults.failed_status, "UNAVAILABLE", "out of order", wait)
        if fate is Fate.REJECTED:
            return _Refusal(400, "REJECTED", "refused for good, by the faults that are set")
        if fate is Fate.GONE and self._subscriptions.exists(identifier):
            self._subscriptions.retire(identifier)
        return None

    def _problem(self, request: Request, identifier: str) -> _Refusal | None:
        headers, body = request.headers, request.body
        if not self._subscriptions.exists(identifier):
            return _Refusal(404, "SUBSCRIPTION_UNKNOWN", "no such push subscription")
        if self._subscriptions.is_retired(identifier):
            return _Refusal(410, "SUBSCRIPTION_GONE", "this push subscription has been retired")
        if not headers.get(b"ttl", b"").isdigit():
            return _Refusal(400, "TTL_MISSING", "TTL is a number of seconds (RFC 8030 §5.2)")
        if headers.get(b"content-encoding", b"").lower() != b"aes128gcm":
            return _Refusal(415, "ENCODING_UNKNOWN", "Content-Encoding is aes128gcm (RFC 8291 §4)")
        if len(body) > _MAX_BODY:
            return _Refusal(413, "PAYLOAD_TOO_LARGE", f"a push has at most {_MAX_BODY} bytes")
        if not push_decryption.is_well_formed(body):
            return _Refusal(400, "BODY_MALFORMED", "not an aes128gcm body of web push (RFC 8291 §4)")
        if headers.get(b"urgency", b"normal") not in _URGENCIES:
            return _Refusal(400, "URGENCY_UNKNOWN", "Urgency is very-low, low, normal or high (RFC 8030 §5.3)")
        if b"topic" in headers and not _TOPIC.fullmatch(headers[b"topic"]):
            return _Refusal(400, "TOPIC_MALFORMED", "Topic is at most 32 characters of base64url (RFC 8030 §5.4)")
        return self._unauthorized(request)

    def _unauthorized(self, request: Request) -> _Refusal | None:
        authorization = request.headers.get(b"authorization")
        if authorization is None:
            return _Refusal(401, "VAPID_MISSING", "Authorization: vapid t=…, k=…", b"WWW-Authenticate: vapid\r\n")
        try:
            self._vapid.verify(authorization, origin=f"http://{request.host}")
        except VapidRefused as problem:
            return _Refusal(403, "VAPID_REFUSED", str(problem))
        return None

    def _accept(self, request: Request, identifier: str) -> None:
        now = time.time()
        topic = request.headers.get(b"topic", b"").decode()
        offline = self._dice.faults.offline_ms / 1000
        replaces = bool(topic) and self._undelivered.put((identifier, topic), now=now, delivered_at=now + offline)
        self._ledger.append(
            channel=CHANNEL, at=int(now * 1000), to=identifier, key=topic, body=request.body, replaces=replaces
        )

    def _flush(self) -> None:
        accepted, self._accepted = self._accepted, []
        try:
            self._ledger.flush()
        except OSError as problem:
            for connection, _ in accepted:
                self._refuse(connection, _Refusal(507, "LEDGER_UNWRITABLE", problem.strerror or "cannot write"))
            return
        for connection, fate in accepted:
            if fate is Fate.LOST_ANSWER:
                self._drop(connection)
            else:
                self._created(connection)

    def _created(self, connection: Connection) -> None:
        self._served += 1
        self.answers[201] += 1
        location = b"Location: /push-messages/%x-%x\r\n" % (self._ledger.generation, self._served)
        if self._dice.faults.delay_ms:
            later(self._dice.faults.delay_ms, connection.answer, 201, b"", location)
        else:
            connection.answer(201, b"", location)

    def _refuse(self, connection: Connection, refusal: _Refusal) -> None:
        self.answers[refusal.status] += 1
        told = (refusal.status, refusal.reason, refusal.message, refusal.headers)
        later(self._dice.faults.delay_ms, connection.error, *told)

    def _drop(self, connection: Connection) -> None:
        self.answers[0] += 1
        later(self._dice.faults.delay_ms, connection.drop)


def _retry_after(seconds: int | None) -> bytes:
    return b"" if seconds is None else b"Retry-After: %d\r\n" % seconds
