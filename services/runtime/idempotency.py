"""Owns Idempotency-Key: the same key and request get the same answer for 24 hours, another request a conflict.

A command that stores something keeps its answer in the transaction that stores it; a concurrent use of the key waits
for that. What may be done twice without harm is kept after it is done, and of two at once the first answer counts.
Never keeps a refusal.
"""

from __future__ import annotations

import contextvars
import datetime
import functools
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

import grpc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Conflict, DomainError, Invalid
from services.runtime.identity import Caller

METADATA_KEY = "idempotency-key"
DIGEST_KEY = "idempotency-digest"  # what a dialect was asked; it stands for the request that it was translated to
ACCEPTABLE = re.compile(r"[ -~]{1,255}")
KEPT = datetime.timedelta(hours=24)
NONCE_SIZE = 12

Answer = TypeVar("Answer", bound=Message)


@dataclass(slots=True)
class Once:
    """One use of a key: whose it is, what was asked with it, and whether its answer is kept."""

    tenant: bytes
    key: str
    digest: bytes
    is_kept: bool = False


_current: contextvars.ContextVar[Once | None] = contextvars.ContextVar("once", default=None)


@functools.cache
def is_post(method: str) -> bool:
    """Whether `/package.Service/Method` is a POST by its google.api.http annotation."""
    service, _, name = method.removeprefix("/").partition("/")
    options = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name).GetOptions()
    return bool(options.Extensions[annotations_pb2.http].WhichOneof("pattern") == "post")


def digest_of(*parts: bytes, key: bytes = b"") -> bytes:
    """Tells requests apart; with a key, to whoever has it."""
    digest = hashlib.blake2b(digest_size=16, key=key)
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.digest()


def derived(secret: bytes) -> bytes:
    """A key for nothing but this, from a secret that has another purpose (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"carillon kept answers").derive(secret)


def encode(message: Message) -> bytes:
    """The same message is the same bytes."""
    return message.SerializeToString(deterministic=True)


class Idempotency:
    """Keeps the answers of some services' POSTs. Where there are secrets among them, `secret` is the process' own.

    With it, answers are sealed (AES-256-GCM), and what was asked is not to be guessed from its digest.
    """

    def __init__(
        self, *, database: Database, clock: Clock, services: Collection[str], secret: bytes | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._services = frozenset(services)
        self._key = derived(secret) if secret else b""
        self._cipher = AESGCM(self._key) if self._key else None

    def once_of(self, metadata: Mapping[str, object], *, method: str, caller: Caller, request: Message) -> Once | None:
        """The use of a key that a call is, if it is one. Raises Invalid where the key is none.

        A credential that is limited to projects asks for something else than one that is not.
        """
        key = metadata.get(METADATA_KEY)
        if key is None or method.split("/")[1] not in self._services or not is_post(method):
            return None
        if not isinstance(key, str) or not ACCEPTABLE.fullmatch(key):
            raise Invalid("IDEMPOTENCY_KEY_INVALID", "1 to 255 printable ASCII characters.", field="Idempotency-Key")
        asked = str(metadata.get(DIGEST_KEY, "")).encode() or encode(request)
        limits = b"".join(sorted(caller.projects))
        return Once(
            tenant=caller.organization, key=key, digest=digest_of(method.encode(), limits, asked, key=self._key)
        )

    async def give(self, once: Once, work: Callable[[], Awaitable[Message]]) -> Message | bytes:
        """The answer that was given before, or that of the work. Raises Conflict where the key was used otherwise."""
        kept = await self._find(once)
        if kept is not None:
            return kept
        _current.set(once)
        try:
            answer = await work()
        except (DomainError, grpc.aio.AioRpcError):
            kept = await self._find(once)  # whoever used the key at the same time may have been quicker
            if kept is None:
                raise
            return kept
        return answer if once.is_kept else await self._keep(once, encode(answer))

    async def transaction(self, kind: type[Answer], work: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
        """Do the work in a transaction. Where the call has a key, keep the answer there, or give the kept one.

        At most once in a call.
        """
        once = _current.get()
        if once is None:
            return await self._database.transaction(work)

        async def keeping(tx: Transaction) -> Answer:
            if not await self._take(tx, once):
                return kind.FromString(await self._taken(tx, once))
            answer = await work(tx)
            await self._store(tx, once, encode(answer))
            return answer

        answer = await self._database.transaction(keeping)
        once.is_kept = True
        return answer

    async def forget(self) -> None:
        """Drop answers older than a day; called now and then."""
        before = self._clock.now() - KEPT
        await self._database.transaction(
            lambda tx: tx.raw.execute("DELETE FROM idempotency WHERE created_at < $1", before)
        )

    async def _find(self, once: Once) -> bytes | None:
        return await self._database.read(lambda tx: self._read(tx, once))

    async def _keep(self, once: Once, answer: bytes) -> bytes:
        """Keep the answer to what has been done already; the kept one where another was quicker."""

        async def work(tx: Transaction) -> bytes:
            if not await self._take(tx, once):
                return await self._taken(tx, once)
            await self._store(tx, once, answer)
            return answer

        return await self._database.transaction(work)

    async def _take(self, tx: Transaction, once: Once) -> bool:
        """Whether the key was free; waits for whoever is using it."""
        now = self._clock.now()
        await tx.raw.execute(
            "DELETE FROM idempotency WHERE tenant = $1 AND key = $2 AND created_at < $3",
            once.tenant,
            once.key,
            now - KEPT,
        )
        return bool(
            await tx.raw.fetchval(
                "INSERT INTO idempotency (tenant, key, digest, answer, created_at) VALUES ($1, $2, $3, '', $4)"
                " ON CONFLICT DO NOTHING RETURNING true",
                once.tenant,
                once.key,
                once.digest,
                now,
            )
        )

    async def _taken(self, tx: Transaction, once: Once) -> bytes:
        kept = await self._read(tx, once)
        assert kept is not None, "whoever stored the key has committed its answer"
        return kept

    async def _store(self, tx: Transaction, once: Once, answer: bytes) -> None:
        await tx.raw.execute(
            "UPDATE idempotency SET answer = $3 WHERE tenant = $1 AND key = $2",
            once.tenant,
            once.key,
            self._sealed(once, answer),
        )

    async def _read(self, tx: Transaction, once: Once) -> bytes | None:
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
        return self._opened(once, row["answer"])

    def _sealed(self, once: Once, answer: bytes) -> bytes:
        if self._cipher is None:
            return answer
        nonce = secrets.token_bytes(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, answer, once.tenant + once.key.encode())

    def _opened(self, once: Once, answer: bytes) -> bytes:
        if self._cipher is None:
            return answer
        try:
            return self._cipher.decrypt(answer[:NONCE_SIZE], answer[NONCE_SIZE:], once.tenant + once.key.encode())
        except InvalidTag as error:
            message = "The answer was sealed with a secret that has been replaced since; use another key."
            raise Conflict("IDEMPOTENCY_ANSWER_LOST", message, field="Idempotency-Key") from error
