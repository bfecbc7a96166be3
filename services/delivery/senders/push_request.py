"""Owns the bytes of one push request: RFC 8030 headers, VAPID authorization, encrypted body. Runs in any thread.

Never sends it. What is wrong with one message is that message's own answer, never an exception of the batch.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from services.delivery.senders import push_encryption
from services.delivery.senders.destination import Destinations, Origin
from services.delivery.senders.push_answers import (
    PAYLOAD_TOO_LARGE,
    SUBSCRIPTION_INVALID,
)
from services.delivery.senders.sender import Message
from services.delivery.senders.vapid import VapidSigner

URGENCIES = ("very-low", "low", "normal", "high")  # RFC 8030 §5.3


@dataclass(frozen=True, slots=True)
class PushAddress:
    """One browser's push subscription, as its PushSubscription object has it, decoded."""

    url: str
    p256dh: bytes  # 65 bytes, an uncompressed P-256 point
    auth: bytes  # 16 bytes


@dataclass(frozen=True, slots=True)
class PushRequest:
    """Ready to be written."""

    position: int
    origin: Origin
    request: bytes  # head and body


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that no call is made for."""

    position: int
    reason: str


class PushRequests:
    """Makes requests that differ in address and body only."""

    def __init__(self, signer: VapidSigner, destinations: Destinations, *, time_to_live: int, urgency: str) -> None:
        if urgency not in URGENCIES:
            raise ValueError(f"urgency is one of {', '.join(URGENCIES)}")
        if time_to_live < 0:
            raise ValueError("a time to live is not negative")
        self._signer = signer
        self._destinations = destinations
        self._constant = (
            f"Content-Encoding: aes128gcm\r\nContent-Type: application/octet-stream\r\n"
            f"TTL: {time_to_live}\r\nUrgency: {urgency}\r\n"
        ).encode()

    def make_all(self, messages: list[Message]) -> list[PushRequest | Refusal]:
        return [self.make(message) for message in messages]

    def make(self, message: Message) -> PushRequest | Refusal:
        if len(message.payload) > push_encryption.MAX_PLAINTEXT:
            return Refusal(message.position, PAYLOAD_TOO_LARGE)
        address = message.address
        if not isinstance(address, PushAddress):
            return Refusal(message.position, SUBSCRIPTION_INVALID)
        try:
            origin, target = self._destinations.read(address.url)
            body = push_encryption.encrypt(message.payload, p256dh=address.p256dh, auth=address.auth)
        except (TypeError, ValueError):
            return Refusal(message.position, SUBSCRIPTION_INVALID)
        return PushRequest(message.position, origin, self._head(origin, target, message.message_id, len(body)) + body)

    def _head(self, origin: Origin, target: str, message_id: bytes, length: int) -> bytes:
        return b"POST %b HTTP/1.1\r\nHost: %b\r\nAuthorization: %b\r\n%bTopic: %b\r\nContent-Length: %d\r\n\r\n" % (
            target.encode(),
            origin.authority.encode(),
            self._signer.authorization(str(origin)),
            self._constant,
            topic(message_id),
            length,
        )


def topic(message_id: bytes) -> bytes:
    """RFC 8030 §5.4: at most 32 characters of base64url, so that a repeat replaces what was not delivered yet."""
    return base64.urlsafe_b64encode(message_id[:24]).rstrip(b"=")
