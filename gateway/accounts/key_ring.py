"""Owns the look-up of API keys at the door: one indexed query, remembered for half a second.

Never remembers a "no", and never a key longer than that: a revocation by another process holds within half a second,
one by this process at once.
"""

from __future__ import annotations

import time

from gateway.accounts import keys, repository
from gateway.accounts.repository import ApiKey
from services.runtime.database import Database, Transaction

REMEMBERED_SECONDS = 0.5
REMEMBERED_KEYS = 1_000


class KeyRing:
    """Knows which keys work."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, tuple[float, ApiKey]] = {}

    async def find(self, secret: str) -> ApiKey | None:
        """The working key with this secret, or None. Raises Unavailable where the database does not answer."""
        if len(secret) > keys.LONGEST:
            return None
        key_hash = keys.hash_of(secret)
        asked_at = time.monotonic()
        known = self._known.get(key_hash)
        if known and asked_at - known[0] < REMEMBERED_SECONDS:
            return known[1]
        found = await self._database.read(lambda tx: _find(tx, key_hash))
        if found is None or found.revoked_at is not None:
            self._known.pop(key_hash, None)
            return None
        if len(self._known) >= REMEMBERED_KEYS:
            self._known.clear()
        self._known[key_hash] = (asked_at, found)
        return found

    def forget(self, key_hash: bytes) -> None:
        """Look this one up anew."""
        self._known.pop(key_hash, None)


async def _find(tx: Transaction, key_hash: bytes) -> ApiKey | None:
    return await repository.find_key_by_hash(tx, key_hash)
