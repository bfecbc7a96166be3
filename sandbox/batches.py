"""Owns the HTTP provider: an endpoint that takes many recipients in a call, as carillon.delivery.v1.HttpProvider says.

Honours the recipients' keys: who was accepted before is answered for, and noted no second time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import Container
from typing import Any

from sandbox import calls
from sandbox.delays import later
from sandbox.faults import Dice, Fate
from sandbox.http_server import Connection, Request
from sandbox.ledger import Ledger
from sandbox.records import Record

CHANNEL = 3
PATH = "/batches"
# Whoever calls this sandbox signs with it: there is nothing to protect, and it must be known after a restart.
SECRET = "whsec_" + base64.b64encode(b"the secret of every sandbox, 32B").decode()
_TOLERANCE = 300  # seconds, as Standard Webhooks has it
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class BatchEndpoint:
    """Answers `POST /batches`."""

    def __init__(self, ledger: Ledger, dice: Dice) -> None:
        self._ledger = ledger
        self._dice = dice
        self._key = base64.b64decode(SECRET.removeprefix("whsec_"))
        self.answers: Counter[int] = Counter()  # by status; 0 are the dropped ones
        self.known = 0  # recipients whose key had been accepted before

    def receive(self, request: Request, connection: Connection) -> None:
        fate = self._dice.draw()
        if fate is Fate.LOST_REQUEST:
            return self._drop(connection)
        problem = self._fault(fate) or self._refusal(request)
        if problem is not None:
            status, reason, headers = problem
            return self._refuse(connection, status, reason, headers)
        try:
            results = self._take(json.loads(request.body), request.body)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return self._refuse(connection, 400, "BODY_MALFORMED")
        except OSError:
            return self._refuse(connection, 507, "LEDGER_UNWRITABLE")
        if fate is Fate.LOST_ANSWER:
            return self._drop(connection)
        self.answers[200] += 1
        later(self._dice.faults.delay_ms, connection.answer_json, 200, {"results": results}, self._wait(results))

    def show_secret(self, request: Request, connection: Connection) -> None:
        """What a call is signed with."""
        connection.answer_json(200, {"secret": SECRET})

    def _fault(self, fate: Fate) -> tuple[int, str, bytes] | None:
        faults = self._dice.faults
        if fate is Fate.THROTTLED:
            return 429, "TOO_MANY_REQUESTS", _retry_after(faults.retry_after)
        if fate is Fate.FAILED:
            return faults.failed_status, "UNAVAILABLE", _retry_after(faults.failed_retry_after)
        if fate is Fate.REJECTED:
            return 400, "REJECTED", b""
        if fate is Fate.GONE:
            return 410, "GONE", b""
        return None

    def _refusal(self, request: Request) -> tuple[int, str, bytes] | None:
        headers = request.headers
        identifier, at = headers.get(b"webhook-id", b""), headers.get(b"webhook-timestamp", b"")
        if not identifier or headers.get(b"idempotency-key") != identifier:
            return 400, "ID_MISSING", b""
        if not at.isdigit() or abs(time.time() - int(at)) > _TOLERANCE:
            return 401, "TIMESTAMP_REFUSED", b""
        signed = hmac.digest(self._key, b"%b.%b.%b" % (identifier, at, request.body), "sha256")
        if not any(hmac.compare_digest(signed, given) for given in _signatures(headers.get(b"webhook-signature", b""))):
            return 401, "SIGNATURE_REFUSED", b""
        return None

    def _take(self, call: dict[str, Any], body: bytes) -> list[dict[str, str]]:
        """Note who is accepted; answers the others."""
        keys, at = calls.keys_of(call), int(time.time() * 1000)
        named = self._named(keys)
        if named or not self._ledger.knows_none(CHANNEL, keys):
            self._take_some(call, named, at)
        elif keys:
            self._ledger.append_call(channel=CHANNEL, at=at, keys=keys, body=body)
        self._ledger.flush()
        return list(named.values())

    def _take_some(self, call: dict[str, Any], named: Container[str], at: int) -> None:
        for recipient in calls.recipients_of(call):
            if self._ledger.knows(CHANNEL, recipient.key):
                self.known += 1
            elif recipient.key not in named:
                self._ledger.append(channel=CHANNEL, at=at, to=recipient.to, key=recipient.key, body=recipient.body)

    def _named(self, keys: list[str]) -> dict[str, dict[str, str]]:
        """Of the recipients, those that the faults refuse or put off."""
        rejected, deferred = self._dice.faults.recipients_rejected, self._dice.faults.recipients_deferred
        named: dict[str, dict[str, str]] = {}
        if not rejected and not deferred:
            return named
        for key in keys:
            point = random.random()
            if self._ledger.knows(CHANNEL, key) or point >= rejected + deferred:
                continue
            if point < rejected:
                named[key] = {"key": key, "status": "rejected", "reason": "NO_DEVICE"}
            else:
                named[key] = {"key": key, "status": "retry", "reason": "BUSY"}
        return named

    def _wait(self, results: list[dict[str, str]]) -> bytes:
        return _retry_after(self._dice.faults.retry_after) if results else b""

    def _refuse(self, connection: Connection, status: int, reason: str, headers: bytes = b"") -> None:
        self.answers[status] += 1
        later(self._dice.faults.delay_ms, connection.error, status, reason, "refused", headers)

    def _drop(self, connection: Connection) -> None:
        self.answers[0] += 1
        later(self._dice.faults.delay_ms, connection.drop)


def content(record: Record) -> dict[str, Any]:
    """What the recipient sees, in the words of the page that shows it."""
    held: dict[str, Any] = json.loads(record.body)
    said = held["content"] if isinstance(held["content"], dict) else {}
    title = said.get("title")
    return {**held, "title": title if isinstance(title, str) else record.to, "body": _encode(held["fields"])}


def _signatures(header: bytes) -> list[bytes]:
    found = []
    for part in header.split():
        version, _, text = part.partition(b",")
        if version == b"v1":
            try:
                found.append(base64.b64decode(text, validate=True))
            except binascii.Error:
                continue
    return found


def _retry_after(seconds: int | None) -> bytes:
    return b"" if seconds is None else b"Retry-After: %d\r\n" % seconds
