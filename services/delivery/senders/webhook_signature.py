"""Owns the signature of a call by Standard Webhooks (standardwebhooks.com, version v1): an HMAC over id, time and body.

Never sends anything, and never shows the key.
"""

from __future__ import annotations

import base64
import hmac


class WebhookSigner:
    """Signs with one account's key."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod="sha256")

    def headers(self, identifier: bytes, body: bytes, *, now: int) -> bytes:
        """The three headers, each a whole line; `now` in UNIX seconds."""
        at = b"%d" % now
        keyed = self._keyed.copy()
        keyed.update(identifier + b"." + at + b".")
        keyed.update(body)
        signature = base64.b64encode(keyed.digest())
        return b"webhook-id: %b\r\nwebhook-timestamp: %b\r\nwebhook-signature: v1,%b\r\n" % (identifier, at, signature)
