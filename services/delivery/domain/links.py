"""Owns signed links: a token that names one message, and that nobody else can make.

Never says what was wrong with a forged one. A token is 30 bytes in 40 characters of base64url: run (12), batch (4),
position (2), and a keyed BLAKE2b of those (12). The key is derived for its purpose, so that what it signs is never what
another use of the same secret signs: a link that reports a click unsubscribes nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass

RECEIPTS = b"receipt-link"
UNSUBSCRIBING = b"unsubscribe-link"
MAC_SIZE = 12
RUN_SIZE = 12
PLACE = struct.Struct(">iH")  # batch, as PostgreSQL and the protos have it; position
TOKEN = re.compile("[A-Za-z0-9_-]{40}")  # decoders let other characters through


@dataclass(frozen=True, slots=True)
class MessagePlace:
    """Where a message stands: its run, the batch of the run's audience, the position in the batch."""

    run: bytes
    batch: int
    position: int


class Links:
    """Makes and recognises the tokens of one installation for one purpose."""

    def __init__(self, secret: bytes, *, purpose: bytes = RECEIPTS) -> None:
        self._keyed = hashlib.blake2b(key=hashlib.blake2b(purpose, key=secret).digest()[:32], digest_size=MAC_SIZE)

    def of_run(self, run: bytes) -> RunLinks:
        """The tokens of one run's messages."""
        keyed = self._keyed.copy()
        keyed.update(run)
        return RunLinks(run, keyed)

    def read(self, token: str) -> MessagePlace | None:
        """The message that the token names; None where it was not made by `of_run` with the same secret."""
        if not TOKEN.fullmatch(token):
            return None
        raw = base64.urlsafe_b64decode(token)
        place, mac = raw[:-MAC_SIZE], raw[-MAC_SIZE:]
        keyed = self._keyed.copy()
        keyed.update(place)
        if not hmac.compare_digest(mac, keyed.digest()):
            return None
        return MessagePlace(place[:RUN_SIZE], *PLACE.unpack(place[RUN_SIZE:]))


class RunLinks:
    """What one run's tokens have in common, computed once."""

    def __init__(self, run: bytes, keyed: hashlib.blake2b) -> None:
        self._run = run
        self._keyed = keyed

    def token(self, batch: int, position: int) -> bytes:
        """40 characters. Raises struct.error for what is no place in a run."""
        place = PLACE.pack(batch, position)
        keyed = self._keyed.copy()
        keyed.update(place)
        return base64.urlsafe_b64encode(self._run + place + keyed.digest())
