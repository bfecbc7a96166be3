"""Owns Idempotency-Key: the same key and request get the same answer for 24 hours, another request a conflict.

Never answers before the effect: key, effect and answer are one transaction; a concurrent use of the key waits for it.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from carillon.campaigns.v1.campaigns_pb2 import Campaign
from google.protobuf.message import Message

from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Conflict, Invalid

METADATA_KEY = "idempotency-key"
LONGEST = 255
KEPT = datetime.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Once:
    """One use of a key: whose it is, and what was asked with it."""

    tenant: bytes
    key: str
    digest: bytes


def once_of(context: Any, *, tenant: bytes, method: str, request: Message) -> Once | None:
    """The key that came with a call, if one did. Raises Invalid where it is none."""
    key = dict(context.invocation_metadata() or ()).get(METADATA_KEY)
    if key is None:
        return None
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST or not key.isprintable():
        raise Invalid("IDEMPOTENCY_KEY_INVALID", f"1 to {LONGEST} printable characters.", field="Idempotency-Key")
    asked = method.encode() + b"\0" + request.SerializeToString(deterministic=True)
    return Once(tenant=tenant, key=key, digest=hashlib.blake2b(asked, digest_size=16).digest())


class Idempotency:
    """Keeps answers."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, once: Once | None) -> Campaign | None:
        """The answer that was given before. Raises Conflict where the key was used for something else."""
        if once is None:
            return None
        return await self._database.transaction(lambda tx: self._read(tx, once))

    async def run(self, tx: Transaction, once: Once | None, work: Callable[[], Awaitable[Campaign]]) -> Campaign:
        """Do the work in this transaction and keep its answer, or give the kept one."""
        if once is None:
            return await work()
        await tx.raw.execute(
            "DELETE FROM idempotency WHERE tenant = $1 AND key = $2 AND created_at < $3",
            once.tenant,
            once.key,
            self._clock.now() - KEPT,
        )
        taken = await tx.raw.fetchval(
            "INSERT INTO idempotency (tenant, key, digest, answer, created_at) VALUES ($1, $2, $3, '', $4)"
            " ON CONFLICT DO NOTHING RETURNING true",
            once.tenant,
            once.key,
            once.digest,
            self._clock.now(),
        )
        if not taken:
            kept = await self._read(tx, once)
            assert kept is not None, "whoever stored the key has committed its answer"
            return kept
        answer = await work()
        await tx.raw.execute(
            "UPDATE idempotency SET answer = $3 WHERE tenant = $1 AND key = $2",
            once.tenant,
            once.key,
            answer.SerializeToString(),
        )
        return answer

    async def forget(self) -> None:
        """Drop answers older than a day; called now and then."""
        before = self._clock.now() - KEPT
        await self._database.transaction(
            lambda tx: tx.raw.execute("DELETE FROM idempotency WHERE created_at < $1", before)
        )

    async def _read(self, tx: Transaction, once: Once) -> Campaign | None:
        row = await tx.raw.fetchrow(
            "SELECT digest, answer FROM idempotency WHERE tenant = $1 AND key = $2 AND created_at >= $3",
            once.tenant,
            once.key,
            self._clock.now() - KEPT,
        )
        if row is None:
            return None
        if row["digest"] != once.digest:
            raise Conflict("IDEMPOTENCY_KEY_REUSED", "The key was used for another request.", field="Idempotency-Key")
        return Campaign.FromString(row["answer"])
