"""Owns what makes a message the same message: its id is a hash of what it is, so that no retry can draw another."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence


def message_id(*, run: bytes, contact: bytes, channel: int, endpoint: bytes, occasion: bytes = b"") -> bytes:
    """16 bytes. `run` is the run whose identities count; `endpoint` the subscription for push and empty elsewhere;
    `occasion` empty for a broadcast."""
    parts = (run, contact, bytes([channel]), endpoint, occasion)
    return hashlib.blake2b(b"".join(bytes([len(part)]) + part for part in parts), digest_size=16).digest()


def identities(*, run: bytes, channel: int) -> Callable[[Sequence[bytes]], list[bytes]]:
    """contacts → the ids of their messages, as `message_id` makes them of a broadcast without endpoints."""
    head = b"%c%b" % (len(run), run)
    tail = b"\x01%c\0\0" % channel

    def of(contacts: Sequence[bytes]) -> list[bytes]:
        return [
            hashlib.blake2b(b"%b%c%b%b" % (head, len(contact), contact, tail), digest_size=16).digest()
            for contact in contacts
        ]

    return of


def spell_message_id(value: bytes) -> str:
    """22 characters of base64url: what payloads and the Topic header (RFC 8030 §5.4) carry."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def spell_message_ids(values: Sequence[bytes]) -> list[str]:
    """The same of many at once."""
    padded = b"\0\0".join([*values, b""])  # 18 bytes each are 24 characters, of which the first 22 are the id's own
    spelled = base64.urlsafe_b64encode(padded).decode()
    return [spelled[start : start + 22] for start in range(0, 24 * len(values), 24)]
